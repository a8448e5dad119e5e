using System.Globalization;
using System.Text;

namespace OrtZero.Autograd.Internal;

/// <summary>Writes docs/operators.md from the registry.</summary>
internal static class OperatorTable
{
    public static string Markdown(GradientRuleSet rules)
    {
        var text = new StringBuilder();
        text.Append("""
            # Operators that can be trained through

            Made from the rule registry by `ORTZERO_UPDATE=1 dotnet test tests/Autograd.Tests --filter OperatorTable`; a test compares.

            - **rule**: the operator stays in the training graph, and its gradient is written behind it.
            - **formula**: where a trainable parameter lies behind it, the operator is written as simpler ones, whose rules give its gradient.
              Elsewhere it stays as it is.
            - **no gradient**: its result does not change with small changes of its inputs, or is not a real number. What lies behind it gets
              no gradient through it, and nothing is computed for it in the backward pass.

            Any other operator is an error only where it stands between a trainable parameter and the loss; the message names the node. Every
            rule and formula is tested against finite differences, with the fused operators of this project (CPU) and with standard operators
            only. The gradient of an `If` flows through the branch that was taken; a parameter that only the other branch uses gets zero. Both
            branches must give the same shapes, and batch normalizations inside them must be in evaluation mode. Quantization, a staircase, is tested against the gradient of PyTorch's fake quantization.


            """);
        foreach (var domain in rules.Operators.GroupBy(item => item.Domain).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"## {(domain.Key.Length == 0 ? "ai.onnx" : domain.Key)}\n\n| operator | gradient |\n|---|---|\n");
            foreach (var (_, name) in domain.OrderBy(item => item.Operator, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"| {name} | {Kind(rules, domain.Key, name)} |\n");
            }

            text.Append('\n');
        }

        return $"{text.ToString().ReplaceLineEndings("\n").TrimEnd()}\n";
    }

    private static string Kind(GradientRuleSet rules, string domain, string name) =>
        rules.HasRule(domain, name) ? "rule" : rules.TryGetLowering(domain, name, out _) ? "formula" : "no gradient";
}
