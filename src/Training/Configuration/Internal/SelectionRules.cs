using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>What <c>checkpoint.save_best</c> and <c>early_stopping</c> ask of validation.</summary>
internal static class SelectionRules
{
    /// <summary>Reports mistakes: a sentence and the steps of the key path.</summary>
    public static void Check(TrainingConfiguration configuration, Action<string, string[]> report)
    {
        var (best, early) = (configuration.Checkpoint.SaveBest, configuration.EarlyStopping);
        foreach (var (monitor, place) in new (string? Monitor, string[] Place)[]
            { (best, ["checkpoint", "save_best"]), (early?.Monitor, ["early_stopping", "monitor"]) })
        {
            if (monitor is null)
            {
                continue;
            }

            if (configuration.Data is { Val: null })
            {
                report("watches what validation measures, but there is no data.val; add it or remove this.", place);
            }
            else if (Measured(configuration) is { } names && !names.Contains(monitor))
            {
                report($"is \"{monitor}\", which validation does not measure; it measures {string.Join(" and ", names.Select(name => $"\"{name}\""))}.", place);
            }
        }

        if (early is { RestoreBest: true } && best is not null && best != early.Monitor)
        {
            report("needs checkpoint.save_best to watch the same as early_stopping.monitor; make them equal.", ["early_stopping", "restore_best"]);
        }
    }

    /// <summary>Whether smaller values of a metric are better.</summary>
    public static bool IsLess(string monitor, PlateauRule? rule) => (rule ?? (monitor == "loss" ? PlateauRule.Less : PlateauRule.Greater)) == PlateauRule.Less;

    // Null where the loss has mistakes or comes with artifacts, and decides the metric.
    private static List<string>? Measured(TrainingConfiguration configuration)
    {
        if (configuration.Evaluation.Metric is { } metric)
        {
            return metric == EvaluationMetric.None ? ["loss"] : ["loss", JsonNamingPolicy.SnakeCaseLower.ConvertName(metric.ToString())];
        }

        return null;
    }
}
