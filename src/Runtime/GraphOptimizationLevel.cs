namespace OrtZero.Runtime;

/// <summary>How much ONNX Runtime may rewrite a graph before running it.</summary>
public enum GraphOptimizationLevel
{
    /// <summary>Nothing: nodes run as written.</summary>
    None = 0,

    /// <summary>Constant folding, removal of nodes without effect, common subexpressions.</summary>
    Basic = 1,

    /// <summary>Also fusions that need operators of the execution provider.</summary>
    Extended = 2,

    /// <summary>Also layout changes (NCHWc on the CPU). ONNX Runtime's default.</summary>
    All = 99,
}
