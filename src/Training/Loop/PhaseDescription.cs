namespace OrtZero.Training;

/// <summary>A phase of fine-tuning, as it begins or is resumed.</summary>
/// <param name="Number">Which it is, from 1.</param>
/// <param name="Count">How many phases the run has, the one after the last entry of <c>phases</c> included if the run comes to it.</param>
/// <param name="EndIteration">The iteration it ends before.</param>
/// <param name="Parameters">The parameters it trains.</param>
/// <param name="LrMult">What it multiplies every rate by.</param>
public sealed record PhaseDescription(int Number, int Count, long EndIteration, IReadOnlyList<string> Parameters, double LrMult);
