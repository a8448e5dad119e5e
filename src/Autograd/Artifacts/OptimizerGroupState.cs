namespace OrtZero.Autograd;

/// <summary>The optimizer's memory of one group of parameters in an official checkpoint.</summary>
/// <param name="Name">The group's name; the official runtime knows "group0" only.</param>
/// <param name="Step">How many updates were applied.</param>
/// <param name="InitialLearningRate">The rate that the official schedules multiply.</param>
/// <param name="States">The moments of every trainable parameter.</param>
public sealed record OptimizerGroupState(string Name, long Step, float InitialLearningRate, IReadOnlyList<ParameterMoments> States);
