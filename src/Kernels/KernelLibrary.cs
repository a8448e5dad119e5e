using OrtZero.Kernels.Internal;
using OrtZero.Runtime;

namespace OrtZero.Kernels;

/// <summary>
/// The fused operators of this library, float32 on the CPU. Graphs for other execution providers use decompositions into
/// standard operators instead; of these operators only the one that draws masks of dropouts is in them.
/// </summary>
public static class KernelLibrary
{
    /// <summary>The ONNX domain of the operators.</summary>
    public const string Domain = "ortzero";

    private static readonly CustomOperator[] s_operators =
    [
        new LayerNormalizationGradOperator(),
        new RmsNormalizationOperator(),
        new RmsNormalizationGradOperator(),
        new SoftmaxGradOperator(),
        new GeluOperator(),
        new GeluGradOperator(),
        new SiluOperator(),
        new SiluGradOperator(),
        new SwiGluOperator(),
        new SwiGluGradOperator(),
        new CrossEntropyOperator(),
        new EmbeddingGradOperator(),
        new ShapeAfterOperator(),
        new CounterDropoutOperator(),
        new CounterMaskOperator(),
    ];

    /// <summary>The names of the operators.</summary>
    public static IReadOnlyList<string> OperatorNames { get; } = Array.ConvertAll(s_operators, fused => fused.Name);

    /// <summary>Whether there is an operator of this name.</summary>
    public static bool Contains(string name) => Array.Exists(s_operators, candidate => candidate.Name == name);

    /// <summary>A domain with all operators, to be added to session options; more operators may be added to it first.</summary>
    public static CustomOperatorDomain CreateDomain(OrtEnvironment environment)
    {
        var domain = new CustomOperatorDomain(environment, Domain);
        foreach (var fused in s_operators)
        {
            domain.Add(fused);
        }

        return domain;
    }
}
