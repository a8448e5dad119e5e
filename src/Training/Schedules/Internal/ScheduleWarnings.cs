using static OrtZero.Training.Internal.SchedulerWindow;

namespace OrtZero.Training.Internal;

/// <summary>Says what MMEngine does silently and nobody wants.</summary>
internal static class ScheduleWarnings
{
    public static List<string> Find(
        IReadOnlyList<SchedulerOptions> options, SchedulerWindow[] windows, string[] groups, double[] rates, RunLength run)
    {
        var warnings = new List<string>();
        for (var index = 0; index < options.Count; index++)
        {
            var (scheduler, window) = (options[index], windows[index]);
            if (window.BeginIteration(run) >= run.Iterations)
            {
                warnings.Add($"{window.Place} begins at iteration {Text(window.BeginIteration(run))}, but the run has {run.Iterations}: it never acts.");
                continue;
            }

            warnings.AddRange(Period(scheduler, window));
            warnings.AddRange(Lowest(scheduler, window, groups, rates));
            if (scheduler.Type == SchedulerKind.LinearLR && window.Length <= 1)
            {
                warnings.Add($"{window.Place} has a window of one step, so the rate stays at start_factor for good: set convert_to_iter_based to true.");
            }

            if (scheduler.Type == SchedulerKind.OneCycleLR && rates.Distinct().Count() > 1)
            {
                warnings.Add($"{window.Place} sets every group to the same rate, so the groups' own rates are lost: use LinearLR and CosineAnnealingLR to keep them.");
            }
        }

        warnings.AddRange(EarlyEnd(options, windows, run));
        return warnings;
    }

    private static IEnumerable<string> Period(SchedulerOptions options, SchedulerWindow window)
    {
        if (options is { Type: SchedulerKind.CosineAnnealingLR, TMax: { } given })
        {
            var period = given * window.Scale;
            if (period > window.Length)
            {
                var left = Math.Round((1 + Math.Cos(Math.PI * (window.Length - 1) / period)) / 2 * 100);
                yield return $"{window.Place} has T_max {Text(given)}, longer than its window of {Text(window.Length / window.Scale)}, so the rate stops at {Text(left)} % of the way down: leave T_max out or set end to {Text((window.Begin / window.Scale) + given)}.";
            }
            else if (period < window.Length)
            {
                yield return $"{window.Place} has T_max {Text(given)}, shorter than its window of {Text(window.Length / window.Scale)}, so the rate rises again: leave T_max out.";
            }
        }

        if (options is { Type: SchedulerKind.CosineRestartLR, Periods: { } periods } && periods.Sum() * window.Scale < window.Length)
        {
            yield return $"{window.Place} has periods of {Text(periods.Sum())} in all, fewer than its window of {Text(window.Length / window.Scale)}: the rate stays low after them.";
        }
    }

    private static IEnumerable<string> Lowest(SchedulerOptions options, SchedulerWindow window, string[] groups, double[] rates) =>
        options.EtaMin is not { } minimum
            ? []
            : groups.Zip(rates).Where(group => group.Second > 0 && minimum > group.Second).Select(group =>
                $"{window.Place} has eta_min {Text(minimum)} above the rate {Text(group.Second)} of the group '{group.First}', which will rise instead of fall: use eta_min_ratio.");

    // The last schedule to end is the one that was meant to bring the rate down. A warmup may end early; that is its job.
    private static IEnumerable<string> EarlyEnd(IReadOnlyList<SchedulerOptions> options, SchedulerWindow[] windows, RunLength run)
    {
        var last = Enumerable.Range(0, windows.Length).OrderBy(index => windows[index].EndIteration(run)).LastOrDefault(-1);
        if (last < 0 || windows[last].EndIteration(run) >= run.Iterations)
        {
            yield break;
        }

        if (options[last].Type is SchedulerKind.LinearLR or SchedulerKind.ConstantLR or SchedulerKind.MultiStepLR)
        {
            yield break;
        }

        var end = options[last].ByEpoch ? $"{Text((double)run.Iterations / run.EpochLength)} epochs" : $"{run.Iterations} iterations";
        var cause = options[last].End is null && run.IsByIteration ? " because by_epoch without end means one epoch when max_iters is set" : "";
        yield return $"{windows[last].Place} ends at iteration {Text(windows[last].EndIteration(run))} of {run.Iterations}{cause}, and the rate stays where it is then: set its end to {end}.";
    }
}
