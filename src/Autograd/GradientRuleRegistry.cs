using OrtZero.Autograd.Internal;
using OrtZero.Autograd.Rules;

namespace OrtZero.Autograd;

/// <summary>The operators that gradients can pass, and those that are known to have none.</summary>
public static class GradientRuleRegistry
{
    /// <summary>Domain ("" is the standard one) and name of every operator with a rule, sorted.</summary>
    public static IReadOnlyList<(string Domain, string Operator)> Operators { get; }

    internal static GradientRuleSet Rules { get; } = new();

    static GradientRuleRegistry()
    {
        ElementwiseRules.Register(Rules);
        ActivationRules.Register(Rules);
        MatrixRules.Register(Rules);
        ShapeRules.Register(Rules);
        GatherRules.Register(Rules);
        ReduceRules.Register(Rules);
        NormalizationRules.Register(Rules);
        ConvolutionRules.Register(Rules);
        PoolingRules.Register(Rules);
        ResizeRules.Register(Rules);
        EinsumRules.Register(Rules);
        ScatterRules.Register(Rules);
        SpatialRules.Register(Rules);
        FourierRules.Register(Rules);
        CompositeNormalizationRules.Register(Rules);
        RecurrentRules.Register(Rules);
        AttentionRules.Register(Rules);
        GroupQueryRules.Register(Rules);
        RotaryRules.Register(Rules);
        QuantizationRules.Register(Rules);
        MicrosoftRules.Register(Rules);
        LossRules.Register(Rules);
        SelectionRules.Register(Rules);
        LogicRules.Register(Rules);
        BranchRules.Register(Rules);
        Operators = [.. Rules.Operators.Order()];
    }
}
