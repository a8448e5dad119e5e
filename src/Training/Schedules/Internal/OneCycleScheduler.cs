namespace OrtZero.Training.Internal;

/// <summary>
/// Up from eta_max / div_factor to eta_max and down to a fraction of where it began, in two phases or three. It sets the
/// rates rather than multiplying them, and becomes what later schedulers take for the initial rate.
/// </summary>
internal sealed class OneCycleScheduler : StepScheduler
{
    private readonly (double End, double From, double To)[] _phases;
    private readonly bool _isLinear;

    public OneCycleScheduler(SchedulerWindow window, RateTable table, double totalSteps, SchedulerOptions options)
        : base(SchedulerKind.OneCycleLR, window, table)
    {
        var maximum = options.EtaMax!.Value;
        var initial = maximum / (options.DivFactor ?? 25.0);
        var minimum = initial / (options.FinalDivFactor ?? 1e4);
        var rise = options.PctStart ?? 0.3;
        _isLinear = options.AnnealStrategy == AnnealStrategy.Linear;
        _phases = options.ThreePhase == true
            ? [((rise * totalSteps) - 1, initial, maximum), ((2 * rise * totalSteps) - 2, maximum, initial), (totalSteps - 1, initial, minimum)]
            : [((rise * totalSteps) - 1, initial, maximum), (totalSteps - 1, maximum, minimum)];
        Array.Fill(table.Initial, initial);
        Array.Fill(Base, initial);
    }

    protected override void Update(double[] rates)
    {
        var start = 0.0;
        var index = 0;
        while (index < _phases.Length - 1 && LastStep > _phases[index].End)
        {
            start = _phases[index++].End;
        }

        var (end, from, to) = _phases[index];
        var done = (LastStep - start) / (end - start);
        var rate = _isLinear
            ? ((to - from) * done) + from
            : to + ((from - to) / 2.0 * (Math.Cos(Math.PI * done) + 1));
        Array.Fill(rates, rate);
    }
}
