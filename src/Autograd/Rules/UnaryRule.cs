using OrtZero.Autograd.Internal;

namespace OrtZero.Autograd.Rules;

/// <summary>The gradient of a function of one variable, from that of its result.</summary>
/// <param name="graph">Where to write.</param>
/// <param name="dy">The gradient of the result; may have length 1 along axes where it does not vary.</param>
/// <param name="x">The argument.</param>
/// <param name="y">The result.</param>
internal delegate Value UnaryRule(GraphEmitter graph, Value dy, Value x, Value y);

/// <summary>Short forms for adding rules.</summary>
internal static class GradientRuleSetExtensions
{
    /// <summary>Adds the rule of a function of one variable, applied to each element.</summary>
    public static void AddUnary(this GradientRuleSet rules, string operatorName, UnaryRule rule) =>
        rules.Add(operatorName, context => context.GiveBroadcast(0, rule(context.Graph, context.BroadcastDY, context.X, context.Y)));
}
