namespace OrtZero.Training.Internal;

/// <summary>The rates all schedulers of a run work on.</summary>
internal sealed class RateTable(double[] rates)
{
    /// <summary>The rates of the groups now.</summary>
    public double[] Current { get; } = [.. rates];

    /// <summary>The rates that count as initial: those of the configuration until OneCycleLR replaces them.</summary>
    public double[] Initial { get; } = [.. rates];
}
