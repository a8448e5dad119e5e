namespace OrtZero.Training.Internal;

/// <summary>Multiplies the rates by a factor when a metric did not improve for longer than the patience.</summary>
internal sealed class PlateauScheduler : StepScheduler
{
    private readonly SchedulerOptions _options;
    private readonly bool _isLess;
    private readonly string _monitor;
    private double? _best;
    private int _badEpochs;
    private int _cooldown;

    public PlateauScheduler(SchedulerWindow window, RateTable table, SchedulerOptions options)
        : base(window, table)
    {
        _options = options;
        _isLess = (options.Rule ?? PlateauRule.Less) == PlateauRule.Less;
        _monitor = options.Monitor ?? "loss";
    }

    /// <summary>Takes the metrics of one validation.</summary>
    public void Observe(RateTable rates, IReadOnlyDictionary<string, double> metrics)
    {
        if (!IsInWindow)
        {
            return;
        }

        LastStep++;
        if (!metrics.TryGetValue(_monitor, out var metric))
        {
            throw new ScheduleException(
                $"{Window.Place} monitors '{_monitor}', which validation does not measure: set monitor to one of {string.Join(", ", metrics.Keys.Order(StringComparer.Ordinal))}.");
        }

        if (IsBetter(metric))
        {
            _best = metric;
            _badEpochs = 0;
        }
        else
        {
            _badEpochs++;
        }

        if (_cooldown > 0)
        {
            _cooldown--;
            _badEpochs = 0;
        }

        if (_badEpochs > (_options.Patience ?? 10))
        {
            Update(rates.Current);
            _cooldown = _options.Cooldown ?? 0;
            _badEpochs = 0;
        }
    }

    // Only counts: the rate changes in Observe.
    public override void Step(RateTable rates) => GlobalStep++;

    public override SchedulerState SaveState() =>
        base.SaveState() with { Best = _best, BadEpochs = _badEpochs, Cooldown = _cooldown };

    public override void LoadState(SchedulerState state)
    {
        base.LoadState(state);
        (_best, _badEpochs, _cooldown) = (state.Best, state.BadEpochs, state.Cooldown);
    }

    protected override void Update(double[] rates)
    {
        for (var group = 0; group < rates.Length; group++)
        {
            var reduced = Math.Max(rates[group] * (_options.Factor ?? 0.1), _options.MinValue?.Of(group) ?? 0);
            if (rates[group] - reduced > (_options.Eps ?? 1e-8))
            {
                rates[group] = reduced;
            }
        }
    }

    // MMEngine starts from a best value of 1e9 or -1e9.
    private bool IsBetter(double metric)
    {
        var threshold = _options.Threshold ?? 1e-4;
        var best = _best ?? (_isLess ? 1e9 : -1e9);
        var isRelative = (_options.ThresholdRule ?? ThresholdRule.Relative) == ThresholdRule.Relative;
        return _isLess
            ? metric < (isRelative ? best * (1.0 - threshold) : best - threshold)
            : metric > (isRelative ? best * (threshold + 1.0) : best + threshold);
    }
}
