using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>Lines of text, for files and pipes.</summary>
internal sealed class PlainStatusView(TextWriter output) : IStatusView
{
    private bool _isFurther;

    public void Show(RunStatus status)
    {
        if (_isFurther)
        {
            output.WriteLine();
        }

        _isFurther = true;
        foreach (var line in Lines(status))
        {
            output.WriteLine(line);
        }

        output.Flush();
    }

    private static IEnumerable<string> Lines(RunStatus status)
    {
        if (status.State == RunState.NoRun)
        {
            yield return StatusText.State(status.State);
            yield break;
        }

        var duration = (status.EndedUnixMs == 0 ? status.NowUnixMs : status.EndedUnixMs) - status.StartedUnixMs;
        yield return $"run {status.RunId}: {StatusText.State(status.State)}, {status.Ranks.Count} of {status.WorldSize} ranks, "
            + $"iteration {StatusText.Iteration(status, status.LastMetrics)}, since {StatusText.Duration(duration)}";
        yield return $"configuration {StatusText.Hash(status.ConfigurationHash)}, model {StatusText.Hash(status.ModelHash)}, "
            + $"work dir {status.Description?.WorkDir}";
        if (status.LastMetrics is { } metrics)
        {
            yield return string.Join(", ", StatusText.Measurements(metrics).Select(part => $"{part.Name} {part.Value}"));
        }

        if (status.LastValidation is { } validation)
        {
            yield return $"validation: {StatusText.Validation(validation)}";
        }

        foreach (var rank in status.Ranks)
        {
            yield return $"rank {rank.Rank}: {StatusText.State(rank.State)}, {rank.Host}, process {rank.ProcessId}, "
                + $"iteration {StatusText.Iteration(status, rank.LastMetrics)}, {StatusText.Memory(rank.LastMetrics)}, "
                + $"seen {StatusText.Ago(status, rank.LastSeenUnixMs)}{(rank.Error.Length > 0 ? $": {rank.Error}" : "")}";
        }

        foreach (var directive in status.PendingDirectives)
        {
            yield return $"pending: {StatusText.Directive(directive)}";
        }
    }
}
