namespace OrtZero.Training.Internal;

/// <summary>What <c>model.lora</c> shows without the model.</summary>
internal static class LoraRules
{
    /// <summary>Reports mistakes: a sentence and the steps of the key path.</summary>
    public static void Check(ModelSection? model, Action<string, string[]> report)
    {
        if (model?.Lora is not { } lora)
        {
            return;
        }

        if (model.Artifacts is not null)
        {
            report("is for forward models, but model.artifacts brings a training graph of its own; train the forward model (model.path) or remove lora.", ["model", "lora"]);
        }

        if (lora.TargetModules is { Count: 0 })
        {
            report("is an empty list, so there would be no adapter; name modules, or remove it for all linear ones.", ["model", "lora", "target_modules"]);
        }

        foreach (var (key, patterns) in new[]
            { ("target_modules", lora.TargetModules), ("exclude_modules", lora.ExcludeModules), ("modules_to_save", lora.ModulesToSave) })
        {
            for (var index = 0; index < patterns?.Count; index++)
            {
                CheckPattern(patterns[index], ["model", "lora", key, $"{index}"], report);
            }
        }

        foreach (var (pattern, rank) in lora.RankPattern)
        {
            CheckPattern(pattern, ["model", "lora", "rank_pattern", pattern], report);
            if (rank < 1)
            {
                report($"is {rank}, but must be at least 1.", ["model", "lora", "rank_pattern", pattern]);
            }
        }

        foreach (var (pattern, alpha) in lora.AlphaPattern)
        {
            CheckPattern(pattern, ["model", "lora", "alpha_pattern", pattern], report);
            if (!(alpha > 0))
            {
                report(FormattableString.Invariant($"is {alpha}, but must be above 0."), ["model", "lora", "alpha_pattern", pattern]);
            }
        }
    }

    private static void CheckPattern(string? pattern, string[] place, Action<string, string[]> report)
    {
        if (pattern is not null && ModulePattern.Problem(pattern) is { } problem)
        {
            report(problem, place);
        }
    }
}
