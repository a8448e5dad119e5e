using System.Text.Json.Serialization;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>train_cfg</c> section. Exactly one of <see cref="MaxEpochs"/> and <see cref="MaxIters"/> is given. An iteration is
/// a micro-batch, as in MMEngine: accumulation does not change how many there are.
/// </summary>
public sealed record TrainSection
{
    /// <summary>Ends training after this many epochs. Null: <see cref="MaxIters"/> ends it.</summary>
    [Limits(AtLeast = 1)]
    public int? MaxEpochs { get; init; }

    /// <summary>Ends training after this many iterations. Null: <see cref="MaxEpochs"/> ends it.</summary>
    [Limits(AtLeast = 1)]
    public long? MaxIters { get; init; }

    /// <summary>
    /// Validates every so many epochs where max_epochs is given, else every so many iterations. The end of training is always
    /// validated. Null: MMEngine's defaults, 1 epoch or 1000 iterations.
    /// </summary>
    [Limits(AtLeast = 1)]
    public int? ValInterval { get; init; }

    /// <summary>
    /// Accepted from MMEngine's sections and checked against max_epochs (true) and max_iters (false). Null: taken from which of
    /// the two is given.
    /// </summary>
    public bool? ByEpoch { get; init; }

    /// <summary><see cref="ValInterval"/> with its default filled in. Not a key.</summary>
    [JsonIgnore]
    public int EffectiveValInterval => ValInterval ?? (MaxEpochs is null ? 1000 : 1);
}
