using System.Globalization;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>The parts of a status as people read them.</summary>
internal static class StatusText
{
    /// <summary>Whether nothing more will come: a lost rank may still come back, a run that waits may still begin.</summary>
    public static bool HasEnded(RunStatus status) =>
        status.EndedUnixMs != 0 && status.State is RunState.Completed or RunState.Stopped or RunState.Failed;

    public static string State(RunState state) => state == RunState.NoRun ? "no run yet" : state.ToString().ToLowerInvariant();

    public static string State(RankState state) => state.ToString().ToLowerInvariant();

    public static string Iteration(RunStatus status, Metrics? metrics)
    {
        var total = status.Description?.TotalIterations ?? 0;
        return metrics is null ? "-" : total > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{metrics.Iteration}/{total} ({100.0 * metrics.Iteration / total:0} %)")
            : Number(metrics.Iteration);
    }

    /// <summary>What the last interval measured, by name.</summary>
    public static IEnumerable<(string Name, string Value)> Measurements(Metrics metrics)
    {
        yield return ("loss", Significant(metrics.Loss));
        if (metrics.HasGradNorm)
        {
            yield return ("grad_norm", Significant(metrics.GradNorm));
        }

        foreach (var rates in metrics.Groups.GroupBy(group => group.LearningRate))
        {
            yield return ($"lr {string.Join(", ", rates.Select(group => group.Name))}", Significant(rates.Key));
        }

        if (metrics.HasLossScale)
        {
            yield return ("loss_scale", Significant(metrics.LossScale));
        }

        yield return ("samples/s", Significant(metrics.SamplesPerSecond));
        if (metrics.SkippedUpdates > 0)
        {
            yield return ("skipped updates", Number(metrics.SkippedUpdates));
        }
    }

    public static string Validation(Validation validation)
    {
        var text = $"loss {Significant(validation.Loss)}";
        if (validation.Metric.Length > 0 && validation.HasValue)
        {
            text += $", {validation.Metric} {Significant(validation.Value)}";
        }

        return $"{text} at iteration {Number(validation.Iteration)} ({Number(validation.Samples)} samples)";
    }

    public static string Directive(Directive directive) =>
        directive.Kind.ToString().ToLowerInvariant() + (directive.RequestedBy.Length > 0 ? $" (asked for by {directive.RequestedBy})" : "");

    public static string Ago(RunStatus status, long unixMs) => Duration(status.NowUnixMs - unixMs) + " ago";

    public static string Duration(long milliseconds)
    {
        var time = TimeSpan.FromMilliseconds(Math.Max(0, milliseconds));
        return time.TotalMinutes < 1 ? $"{(int)time.TotalSeconds} s"
            : time.TotalHours < 1 ? $"{time.Minutes} min {time.Seconds} s"
            : $"{(int)time.TotalHours} h {time.Minutes} min";
    }

    public static string Memory(Metrics? metrics) =>
        metrics is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{metrics.PeakRssBytes / 1048576.0:0} MiB");

    public static string Hash(string hash) => hash.Length > 12 ? hash[..12] : hash;

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Significant(double value) => value.ToString("G5", CultureInfo.InvariantCulture);
}
