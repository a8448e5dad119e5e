namespace OrtZero.Training;

/// <summary>The rate of one parameter group in a saved schedule.</summary>
/// <param name="Group">The name of the group.</param>
/// <param name="Rate">The rate of the next iteration.</param>
public sealed record GroupRateState(string Group, double Rate);
