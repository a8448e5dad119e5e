namespace OrtZero.Autograd.Tests;

/// <summary>Every rule against finite differences, with fused operators and without.</summary>
public class RuleTests
{
    private static readonly Dictionary<string, Func<OperatorCase>> Cases = ElementwiseCases.All()
        .Concat(LayoutCases.All()).Concat(LayerCases.All()).Concat(ImageCases.All())
        .Concat(ScatterCases.All()).Concat(SequenceCases.All()).Concat(AttentionCases.All()).Concat(CompositeCases.All()).Concat(SelectionCases.All())
        .ToDictionary(item => item.Name, item => item.Make, StringComparer.Ordinal);

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_agree_with_finite_differences(string name) => FiniteDifferences.Check(Cases[name]());

    [Fact]
    public void Every_rule_has_a_case()
    {
        var checkedOperators = Cases.Values.Select(make => make().Node).Select(node => (node.Domain, node.OpType)).ToHashSet();
        var unchecked_ = GradientRuleRegistry.Operators
            .Where(item => GradientRuleRegistry.Rules.IsDifferentiable(item.Domain, item.Operator) && !checkedOperators.Contains(item)
                && !QuantizationTests.Operators.Contains(item.Operator) && item.Operator != BranchTests.Operator && item.Operator != DropoutTests.Operator);
        Assert.Empty(unchecked_);
    }
}
