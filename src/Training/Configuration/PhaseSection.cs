using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One entry of <c>phases</c>: a stretch of the run that trains only some of the parameters. After the last entry all are trained.
/// </summary>
public sealed record PhaseSection
{
    /// <summary>Ends the phase after this many epochs of the run, fractions allowed. Null: <see cref="UntilIter"/> ends it.</summary>
    [Limits(Above = 0)]
    public double? UntilEpoch { get; init; }

    /// <summary>Ends the phase after this many iterations of the run. Null: <see cref="UntilEpoch"/> ends it, or, of the last, the run does.</summary>
    [Limits(AtLeast = 1)]
    public long? UntilIter { get; init; }

    /// <summary>Parameters that are not trained in this phase, by the patterns of model.frozen. Default: none.</summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>The only parameters that are trained in this phase, by the patterns of model.frozen. Null: all that are not frozen.</summary>
    public IReadOnlyList<string>? Trained { get; init; }

    /// <summary>Multiplies every rate, as the schedules give it, in this phase. Default: 1.</summary>
    [Limits(AtLeast = 0)]
    public double LrMult { get; init; } = 1;

    /// <summary>The parameters the phase trains, in model order.</summary>
    /// <param name="groups">The parameters of the model.</param>
    /// <param name="place">The key the phase stands under, for errors.</param>
    /// <exception cref="ParameterGroupException">A pattern is none or matches no trainable parameter.</exception>
    public IReadOnlyList<string> TrainedParameters(ParameterGroupTable groups, string place)
    {
        ArgumentNullException.ThrowIfNull(groups);
        var frozen = groups.TrainableMatching(Frozen, $"{place}.frozen").ToHashSet(StringComparer.Ordinal);
        var trained = Trained is { } only
            ? groups.TrainableMatching(only, $"{place}.trained")
            : groups.Parameters.Where(parameter => !parameter.Frozen).Select(parameter => parameter.Name);
        return [.. trained.Where(name => !frozen.Contains(name))];
    }
}
