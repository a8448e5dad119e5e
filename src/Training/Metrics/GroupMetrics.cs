namespace OrtZero.Training;

/// <summary>The settings of one parameter group at one iteration, and what its update did.</summary>
/// <param name="Name">The group.</param>
/// <param name="LearningRate">Its rate.</param>
/// <param name="WeightDecay">Its weight decay.</param>
public sealed record GroupMetrics(string Name, double LearningRate, double WeightDecay)
{
    /// <summary>What the last update did to it. Null: not measured (<c>log.watch</c>), or the group sleeps in this phase.</summary>
    public GroupVitals? Vitals { get; init; }

    /// <summary>How far its parameters are from where they were at the start of training, as a share of their norm there. Null: not
    /// measured (<c>log.watch_distance</c>).</summary>
    public double? Distance { get; init; }
}
