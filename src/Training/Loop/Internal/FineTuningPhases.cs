using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Which parameters are trained when, and what is added to the schedules: the <c>phases</c> of a configuration.</summary>
internal sealed class FineTuningPhases
{
    private readonly List<Phase> _phases = [];

    private FineTuningPhases()
    {
    }

    internal int Count => _phases.Count;

    /// <summary>Sentences about phases the run never comes to.</summary>
    internal List<string> Warnings { get; } = [];

    /// <summary>Resolves the phases; without any there is one that trains everything.</summary>
    /// <exception cref="ConfigurationException">A phase trains nothing or ends before it begins.</exception>
    /// <exception cref="ParameterGroupException">A pattern is none or matches nothing.</exception>
    internal static FineTuningPhases Of(TrainingConfiguration configuration, ParameterGroupTable groups, int iterationsPerEpoch, long totalIterations)
    {
        var result = new FineTuningPhases();
        var begin = 0L;
        for (var index = 0; index < configuration.Phases.Count; index++)
        {
            var section = configuration.Phases[index];
            var end = section.UntilIter ?? (section.UntilEpoch is { } epochs ? (long)Math.Round(epochs * iterationsPerEpoch) : long.MaxValue);
            if (end <= begin)
            {
                throw new ConfigurationException(
                    [$"{configuration.Path}: phases.{index} ends at iteration {end}, but begins at {begin} ({iterationsPerEpoch} iterations per epoch): give it a later end."]);
            }

            var trained = section.TrainedParameters(groups, $"phases.{index}");
            if (trained.Count == 0)
            {
                throw new ConfigurationException([$"{configuration.Path}: phases.{index} trains no parameter: remove a pattern from its frozen list."]);
            }

            if (begin >= totalIterations)
            {
                result.Warnings.Add($"phases.{index} begins at iteration {begin}, but the run has {totalIterations}: it is never reached.");
            }

            result.Add(groups, end, trained, section.LrMult);
            begin = end;
        }

        if (begin < Math.Max(1, totalIterations))
        {
            result.Add(groups, long.MaxValue, new PhaseSection().TrainedParameters(groups, "phases"), 1);
        }

        return result;
    }

    /// <summary>The phase of an update that begins with an iteration.</summary>
    internal int IndexAt(long iteration)
    {
        var index = _phases.FindIndex(phase => iteration < phase.End);
        return index < 0 ? _phases.Count - 1 : index;
    }

    /// <summary>What a phase multiplies a group's rate by; 0 for a group that sleeps.</summary>
    internal double RateFactor(int phase, int group) => _phases[phase].IsAwake[group] ? _phases[phase].LrMult : 0;

    /// <summary>Whether a phase trains any parameter of a group.</summary>
    internal bool IsAwake(int phase, int group) => _phases[phase].IsAwake[group];

    /// <summary>The parameters a phase trains.</summary>
    internal IReadOnlyList<string> Trained(int phase) => _phases[phase].Trained;

    internal PhaseDescription Describe(int phase, long totalIterations) =>
        new(phase + 1, Count, Math.Min(_phases[phase].End, totalIterations), _phases[phase].Trained, _phases[phase].LrMult);

    private void Add(ParameterGroupTable groups, long end, IReadOnlyList<string> trained, double rateFactor)
    {
        var awake = new bool[groups.Groups.Count];
        foreach (var name in trained)
        {
            awake[groups.GroupOf(name)] = true;
        }

        _phases.Add(new Phase(end, trained, awake, rateFactor));
    }

    private sealed record Phase(long End, IReadOnlyList<string> Trained, bool[] IsAwake, double LrMult);
}
