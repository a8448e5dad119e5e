namespace OrtZero.Runtime;

/// <summary>
/// An operator written in C# that graphs may use like a built-in one once its domain is added to the session options.
/// </summary>
/// <remarks>
/// What ONNX Runtime 1.30 does with nodes of custom operators, tried at all four optimization levels on the CPU:
/// a node runs in every run, whether or not anything consumes its outputs or the run asks for them, so a token output that
/// leads nowhere keeps its node; equal nodes are not merged and nodes with constant inputs are not folded, because operators
/// of unknown domains count as not deterministic. Nodes of built-in operators that feed only such a node run as well.
/// Sequential execution orders nodes by dependence only: what must come later needs an input that comes from the earlier.
/// </remarks>
public abstract class CustomOperator
{
    /// <summary>The op_type of nodes that use it.</summary>
    public abstract string Name { get; }

    /// <summary>The declared inputs in order.</summary>
    public abstract IReadOnlyList<OperatorInput> Inputs { get; }

    /// <summary>The declared outputs in order.</summary>
    public abstract IReadOnlyList<OperatorOutput> Outputs { get; }

    /// <summary>
    /// The execution provider whose memory the kernel reads and writes. With the CPU's, ONNX Runtime copies tensors of other
    /// providers to the CPU and back.
    /// </summary>
    public virtual string? Provider => "CPUExecutionProvider";

    /// <summary>
    /// The least number of inputs a variadic input stands for; 1 unless overridden. 0 allows none.
    /// </summary>
    public virtual int VariadicInputMinimum => 1;

    /// <summary>The least number of outputs a variadic output stands for; 1 unless overridden.</summary>
    public virtual int VariadicOutputMinimum => 1;

    /// <summary>
    /// Whether <see cref="InferShapes"/> is implemented. Not for operators with optional inputs: ONNX Runtime 1.30 reads the
    /// type of an input that was left out.
    /// </summary>
    public virtual bool InfersShapes => false;

    /// <summary>
    /// Creates the kernel of one node while a session opens. An exception makes opening fail with its message.
    /// </summary>
    public abstract CustomKernel CreateKernel(KernelAttributes attributes);

    /// <summary>
    /// Tells the shapes of outputs from those of inputs while a session opens, for better memory planning. An exception is
    /// taken as "unknown", since ONNX Runtime has no way to report it.
    /// </summary>
    public virtual void InferShapes(in ShapeInference shapes)
    {
    }
}
