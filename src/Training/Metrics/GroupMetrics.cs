namespace OrtZero.Training;

/// <summary>The settings of one parameter group at one iteration.</summary>
/// <param name="Name">The group.</param>
/// <param name="LearningRate">Its rate.</param>
/// <param name="WeightDecay">Its weight decay.</param>
public sealed record GroupMetrics(string Name, double LearningRate, double WeightDecay);
