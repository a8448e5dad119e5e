namespace OrtZero.Autograd.Tests;

/// <summary>What became of one test: it agrees, it disagrees, or it was excluded for a reason.</summary>
internal sealed record NodeTestResult(NodeTest Test, string Operator, string? Exclusion, string? Disagreement)
{
    public bool Agrees => Exclusion is null && Disagreement is null;

    public bool Disagrees => Exclusion is null && Disagreement is not null;
}
