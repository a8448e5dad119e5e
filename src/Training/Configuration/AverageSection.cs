using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>ema</c> section: an exponential moving average of the weights, which evaluation and the trained model use.</summary>
public sealed record AverageSection
{
    /// <summary>What remains of the average at each step. Default: 0.999.</summary>
    [Limits(AtLeast = 0, Below = 1)]
    public double Decay { get; init; } = 0.999;

    /// <summary>Moves the average after every so many updates. Default: 1.</summary>
    [Limits(AtLeast = 1)]
    public int Interval { get; init; } = 1;

    /// <summary>
    /// Lets the decay grow to its value: at step t it is at most (1 + t) / (warmup + t), so that the weights training began with are soon
    /// forgotten. 0 for no warm-up. Default: 10, as in TensorFlow.
    /// </summary>
    [Limits(AtLeast = 0)]
    public double Warmup { get; init; } = 10;
}
