namespace OrtZero.Training;

/// <summary>What schedules have made of one parameter group in a saved state.</summary>
/// <param name="Group">The name of the group.</param>
/// <param name="Rate">The rate of the next iteration.</param>
public sealed record GroupRateState(string Group, double Rate)
{
    /// <summary>The momentum of the next iteration.</summary>
    public double Momentum { get; init; }

    /// <summary>The weight decay of the next iteration.</summary>
    public double WeightDecay { get; init; }
}
