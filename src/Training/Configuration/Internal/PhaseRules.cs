namespace OrtZero.Training.Internal;

/// <summary>What entries of <c>phases</c> show without the model and the length of an epoch.</summary>
internal static class PhaseRules
{
    /// <summary>Reports mistakes: a sentence and the steps of the key path.</summary>
    public static void Check(IReadOnlyList<PhaseSection?> phases, Action<string, string[]> report)
    {
        for (var index = 0; index < phases.Count; index++)
        {
            if (phases[index] is not { } phase)
            {
                continue;
            }

            string[] place = ["phases", $"{index}"];
            if (phase is { UntilEpoch: not null, UntilIter: not null })
            {
                report("has both until_epoch and until_iter; remove one of them.", place);
            }
            else if (phase is { UntilEpoch: null, UntilIter: null } && index < phases.Count - 1)
            {
                report("does not end, but another phase follows; add \"until_epoch\": 1 or \"until_iter\": 1000.", place);
            }

            if (phase.Trained is { Count: 0 })
            {
                report("is an empty list, so the phase would train nothing; remove it to train all.", [.. place, "trained"]);
            }

            foreach (var (key, patterns) in new[] { ("frozen", phase.Frozen), ("trained", phase.Trained ?? []) })
            {
                for (var item = 0; item < patterns.Count; item++)
                {
                    if (patterns[item] is { Length: 0 })
                    {
                        report("is empty, which would match every parameter; remove it.", [.. place, key, $"{item}"]);
                    }
                }
            }
        }
    }
}
