using static OrtZero.Training.Internal.SchedulerWindow;

namespace OrtZero.Training.Internal;

/// <summary>Says what the originals do silently and nobody wants, and what was probably meant.</summary>
internal sealed class ScheduleFindings
{
    private readonly IReadOnlyList<SchedulerOptions> _options;
    private readonly SchedulerWindow[] _windows;
    private readonly string[] _groups;
    private readonly double[][] _values;
    private readonly RunLength _run;
    private readonly List<string> _warnings = [];
    private readonly SortedDictionary<int, SchedulerOptions> _corrections = [];

    public ScheduleFindings(
        IReadOnlyList<SchedulerOptions> options, SchedulerWindow[] windows, string[] groups, double[][] values, RunLength run)
    {
        (_options, _windows, _groups, _values, _run) = (options, windows, groups, values, run);
        for (var index = 0; index < options.Count; index++)
        {
            if (windows[index].BeginIteration(run) >= run.Iterations)
            {
                _warnings.Add(
                    $"{windows[index].Place} begins at iteration {Text(windows[index].BeginIteration(run))}, but the run has {run.Iterations}: it never acts.");
            }
            else
            {
                Inspect(index);
            }
        }

        foreach (var parameter in Enum.GetValues<ScheduledParameter>())
        {
            FindEarlyEnd(parameter);
        }
    }

    public IReadOnlyList<string> Warnings => _warnings;

    public IReadOnlyDictionary<int, SchedulerOptions> Corrections => _corrections;

    private ScheduledParameter ParameterOf(int index) => SchedulerNames.Parameter(_options[index], _windows[index].Place);

    private SchedulerKind CurveOf(int index) => SchedulerNames.Curve(_options[index].Type);

    private void Inspect(int index)
    {
        var window = _windows[index];
        var values = _values[(int)ParameterOf(index)];
        var name = SchedulerNames.Name(ParameterOf(index));
        FindPeriod(index, name);
        FindTotal(index, name);
        FindLowest(index, values, name);
        if (CurveOf(index) == SchedulerKind.LinearLR && window.Length <= 1)
        {
            Add(
                index,
                $"{window.Place} has a window of one step, so the {name} stays at start_factor for good: set convert_to_iter_based to true.",
                options => options.ByEpoch ? options with { ConvertToIterBased = true } : options);
        }

        if (CurveOf(index) == SchedulerKind.OneCycleLR && _options[index].EtaMax is { IsList: false } && values.Distinct().Count() > 1)
        {
            var highest = _options[index].EtaMax!.Of(0);
            Add(
                index,
                $"{window.Place} sets every group to the same {name}, so the groups' own are lost: give eta_max a number for each group, or use LinearLR and CosineAnnealingLR to keep them.",
                options => options with { EtaMax = new PerGroup([.. values.Select(value => highest * (value / values.Max()))], true) });
        }
    }

    private void FindPeriod(int index, string name)
    {
        var (options, window) = (_options[index], _windows[index]);
        if (CurveOf(index) == SchedulerKind.CosineAnnealingLR && options.TMax is { } given)
        {
            var period = given * window.Scale;
            if (period > window.Length)
            {
                var left = Math.Round((1 + Math.Cos(Math.PI * (window.Length - 1) / period)) / 2 * 100);
                Add(
                    index,
                    $"{window.Place} has T_max {Text(given)}, longer than its window of {Text(window.Length / window.Scale)}, so the {name} stops at {Text(left)} % of the way down: leave T_max out or set end to {Text((window.Begin / window.Scale) + given)}.",
                    changed => changed with { TMax = null });
            }
            else if (period < window.Length)
            {
                Add(
                    index,
                    $"{window.Place} has T_max {Text(given)}, shorter than its window of {Text(window.Length / window.Scale)}, so the {name} rises again: leave T_max out.",
                    changed => changed with { TMax = null });
            }
        }

        if (CurveOf(index) == SchedulerKind.CosineRestartLR && options.Periods is { } periods && periods.Sum() * window.Scale < window.Length)
        {
            _warnings.Add(
                $"{window.Place} has periods of {Text(periods.Sum())} in all, fewer than its window of {Text(window.Length / window.Scale)}: the {name} stays low after them.");
        }
    }

    private void FindTotal(int index, string name)
    {
        var (options, window) = (_options[index], _windows[index]);
        if (options.TotalNumSteps is { } total && total * window.Scale != window.Length)
        {
            var effect = total * window.Scale < window.Length ? $"the {name} stays at its lowest after them" : $"the {name} never comes down all the way";
            Add(
                index,
                $"{window.Place} has total_num_steps {Text(total)} in a window of {Text(window.Length / window.Scale)}, so {effect}: leave total_num_steps out.",
                changed => changed with { TotalNumSteps = null });
        }
    }

    private void FindLowest(int index, double[] values, string name)
    {
        if (_options[index].EtaMin is not { } minimum)
        {
            return;
        }

        for (var group = 0; group < values.Length; group++)
        {
            if (values[group] > 0 && minimum.Of(group) > values[group])
            {
                var ratio = Math.Min(1, minimum.Of(0) / values.Max());
                Add(
                    index,
                    $"{_windows[index].Place} has eta_min {Text(minimum.Of(group))} above the {name} {Text(values[group])} of the group '{_groups[group]}', which will rise instead of fall: use eta_min_ratio.",
                    changed => changed with { EtaMin = null, EtaMinRatio = ratio });
            }
        }
    }

    // The last schedule to end is the one that was meant to bring the rate down. A warmup may end early; that is its job.
    private void FindEarlyEnd(ScheduledParameter parameter)
    {
        var last = Enumerable.Range(0, _windows.Length).Where(index => ParameterOf(index) == parameter)
            .OrderBy(index => _windows[index].EndIteration(_run)).LastOrDefault(-1);
        if (last < 0 || _windows[last].EndIteration(_run) >= _run.Iterations
            || CurveOf(last) is SchedulerKind.LinearLR or SchedulerKind.ConstantLR or SchedulerKind.MultiStepLR or SchedulerKind.WarmupLR)
        {
            return;
        }

        var options = _options[last];
        var end = options.ByEpoch ? Math.Ceiling((double)_run.Iterations / _run.EpochLength * 1e6) / 1e6 : _run.Iterations;
        var cause = options.End is null && _run.IsByIteration ? " because by_epoch without end means one epoch when max_iters is set" : "";
        Add(
            last,
            $"{_windows[last].Place} ends at iteration {Text(_windows[last].EndIteration(_run))} of {_run.Iterations}{cause}, and the {SchedulerNames.Name(parameter)} stays where it is then: set its end to {Text(end)} {(options.ByEpoch ? "epochs" : "iterations")}.",
            changed => changed with { End = end });
    }

    private void Add(int index, string warning, Func<SchedulerOptions, SchedulerOptions> correct)
    {
        _warnings.Add(warning);
        _corrections[index] = correct(_corrections.GetValueOrDefault(index, _options[index]));
    }
}
