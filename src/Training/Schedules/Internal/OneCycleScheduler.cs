namespace OrtZero.Training.Internal;

/// <summary>
/// Up from eta_max / div_factor to eta_max and down to a fraction of where it began, in two phases or three. It sets the
/// rates rather than multiplying them, and becomes what later schedulers take for the initial rate.
/// </summary>
internal sealed class OneCycleScheduler : StepScheduler
{
    private readonly double[] _ends;
    private readonly double[][] _levels;
    private readonly bool _isLinear;

    public OneCycleScheduler(SchedulerWindow window, RateTable table, double totalSteps, SchedulerOptions options)
        : base(window, table)
    {
        var rise = options.PctStart ?? 0.3;
        var returns = options.ThreePhase == true;
        _isLinear = options.AnnealStrategy == AnnealStrategy.Linear;
        _ends = returns
            ? [(rise * totalSteps) - 1, (2 * rise * totalSteps) - 2, totalSteps - 1]
            : [(rise * totalSteps) - 1, totalSteps - 1];
        _levels = new double[table.Current.Length][];
        for (var group = 0; group < _levels.Length; group++)
        {
            var maximum = options.EtaMax!.Of(group);
            var initial = maximum / (options.DivFactor ?? 25.0);
            var minimum = initial / (options.FinalDivFactor ?? 1e4);
            _levels[group] = returns ? [initial, maximum, initial, minimum] : [initial, maximum, minimum];
            table.Initial[group] = initial;
            Base[group] = initial;
        }
    }

    protected override void Update(double[] rates)
    {
        var start = 0.0;
        var phase = 0;
        while (phase < _ends.Length - 1 && LastStep > _ends[phase])
        {
            start = _ends[phase++];
        }

        var done = (LastStep - start) / (_ends[phase] - start);
        for (var group = 0; group < rates.Length; group++)
        {
            var (from, to) = (_levels[group][phase], _levels[group][phase + 1]);
            rates[group] = _isLinear
                ? ((to - from) * done) + from
                : to + ((from - to) / 2.0 * (Math.Cos(Math.PI * done) + 1));
        }
    }
}
