namespace OrtZero.Autograd.Internal;

/// <summary>Writes the gradients of a node's inputs from those of its outputs.</summary>
internal delegate void GradientRule(RuleContext context);

/// <summary>The rules by domain and operator. A family of operators adds its rules in its own file.</summary>
internal sealed class GradientRuleSet
{
    private readonly Dictionary<(string Domain, string Operator), GradientRule?> _rules = [];

    private readonly Dictionary<(string Domain, string Operator), LoweringRule> _lowerings = [];

    public IEnumerable<(string Domain, string Operator)> Operators => _rules.Keys.Union(_lowerings.Keys);

    /// <summary>Adds an operator that is replaced by simpler ones before it is differentiated.</summary>
    public void AddLowering(string operatorName, LoweringRule lower, string domain = "") => _lowerings.Add((domain, operatorName), lower);

    public bool TryGetLowering(string domain, string operatorName, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out LoweringRule? lower) =>
        _lowerings.TryGetValue((Normalize(domain), operatorName), out lower);

    public void Add(string operatorName, GradientRule rule, string domain = "") => _rules.Add((domain, operatorName), rule);

    /// <summary>Operators whose result does not change with small changes of the inputs, or is not a real number: their gradient is zero.</summary>
    public void AddWithoutGradient(params ReadOnlySpan<string> operators)
    {
        foreach (var operatorName in operators)
        {
            _rules.Add(("", operatorName), null);
        }
    }

    /// <summary><c>true</c> if gradients may pass the operator, or if it is not known.</summary>
    public bool IsDifferentiable(string domain, string operatorName) =>
        !_rules.TryGetValue((Normalize(domain), operatorName), out var rule) || rule is not null;

    /// <summary>Whether the operator has a rule of its own, rather than being replaced or known to have no gradient.</summary>
    public bool HasRule(string domain, string operatorName) => TryGet(domain, operatorName, out var rule) && rule is not null;

    public bool TryGet(string domain, string operatorName, out GradientRule? rule) =>
        _rules.TryGetValue((Normalize(domain), operatorName), out rule);

    private static string Normalize(string domain) => domain == "ai.onnx" ? "" : domain;
}
