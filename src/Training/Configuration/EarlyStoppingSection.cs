using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>early_stopping</c> section: ends training when validation gets no better, as MMEngine's EarlyStoppingHook does.</summary>
public sealed record EarlyStoppingSection
{
    /// <summary>What is watched: "loss" or the name of evaluation.metric. Default: "loss".</summary>
    public string Monitor { get; init; } = "loss";

    /// <summary>Which values are better. Null: "less" for a loss, "greater" for a metric.</summary>
    public PlateauRule? Rule { get; init; }

    /// <summary>Ends training after so many validations in a row without an improvement. Default: 5.</summary>
    [Limits(AtLeast = 1)]
    public int Patience { get; init; } = 5;

    /// <summary>How much better than the best a value must be to count. Default: 0.</summary>
    [Limits(AtLeast = 0)]
    public double MinDelta { get; init; }

    /// <summary>
    /// Goes back to the best checkpoint at the end of training, stopped early or not. It is that of checkpoint.save_best, which is
    /// switched on for the same metric if it is not given. Default: false.
    /// </summary>
    public bool RestoreBest { get; init; }
}
