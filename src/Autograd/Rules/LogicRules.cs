using OrtZero.Autograd.Internal;

namespace OrtZero.Autograd.Rules;

/// <summary>Choosing between values, and operators without gradient.</summary>
internal static class LogicRules
{
    public static void Register(GradientRuleSet rules)
    {
        rules.Add("Where", Where);
        rules.AddWithoutGradient(
            "Constant", "Shape", "Size", "ConstantOfShape", "EyeLike", "NonZero", "Range", "ArgMax", "ArgMin", "Unique",
            "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor", "IsNaN", "IsInf",
            "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot",
            "Floor", "Ceil", "Round", "Sign", "Hardmax",
            "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial");
    }

    private static void Where(RuleContext context)
    {
        var graph = context.Graph;
        if (context.Needs(1))
        {
            context.Give(1, graph.Masked(context.Input(0), context.DY));
        }

        if (context.Needs(2))
        {
            context.Give(2, graph.Where(context.Input(0), graph.Scalar(context.Y.Type, 0), context.DY));
        }
    }
}
