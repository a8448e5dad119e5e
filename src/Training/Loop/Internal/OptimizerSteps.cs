using Microsoft.Extensions.Logging;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>Applies updates with the rates the schedule has for them, and keeps what the last one did.</summary>
internal sealed class OptimizerSteps
{
    private const int MostSkippedInARow = 10;

    private readonly TrainingConfiguration _configuration;
    private readonly ZeroEngine _engine;
    private readonly LearningRateSchedule _schedule;
    private readonly FineTuningPhases _phases;
    private readonly NonFiniteWatch _watch;
    private readonly ILogger _logger;
    private readonly double[] _rates;
    private readonly double[] _weightDecays;
    private int _skippedInARow;

    internal OptimizerSteps(TrainingConfiguration configuration, ZeroEngine engine, LearningRateSchedule schedule, FineTuningPhases phases, NonFiniteWatch watch, ILogger logger)
    {
        _configuration = configuration;
        _engine = engine;
        _schedule = schedule;
        _phases = phases;
        _watch = watch;
        _logger = logger;
        _rates = new double[engine.Groups.Groups.Count];
        _weightDecays = new double[_rates.Length];
    }

    /// <summary>The norm of the last update's gradient, before clipping. Null: there was no update yet.</summary>
    internal double? GradientNorm { get; private set; }

    /// <summary>Updates left out because a gradient was not finite.</summary>
    internal long Skipped { get; private set; }

    /// <summary>The settings of every group in the last update and what it did; empty before the first.</summary>
    internal IReadOnlyList<GroupMetrics> Groups => GradientNorm is null
        ? []
        : [.. _engine.Groups.Groups.Select((group, index) => new GroupMetrics(group.Name, _rates[index], _weightDecays[index]) { Vitals = VitalsOf(index) })];

    /// <summary>Applies the accumulated gradients. Collective.</summary>
    /// <param name="iteration">The iteration that ends the accumulation, from 0.</param>
    /// <param name="phase">The phase of fine-tuning the update is in.</param>
    /// <param name="divisor">What the summed gradients are divided by.</param>
    /// <param name="measures">Whether to measure what the update does to each group.</param>
    /// <exception cref="TrainingException">The gradient is not finite and skipping it does not help or is not wanted.</exception>
    internal void Apply(long iteration, int phase, double divisor, bool measures)
    {
        for (var group = 0; group < _rates.Length; group++)
        {
            _rates[group] = _schedule.Rates[group] * _phases.RateFactor(phase, group);
            _weightDecays[group] = _schedule.WeightDecays[group];
        }

        var result = _engine.Step(new UpdateSettings
        {
            GradientDivisor = divisor,
            MaxNorm = _configuration.OptimWrapper.ClipGrad?.MaxNorm,
            LearningRates = _rates,
            WeightDecays = _weightDecays,
            Measure = measures,
            Momenta = _schedule.Changes(ScheduledParameter.Momentum) ? _schedule.Momenta : null,
        });
        GradientNorm = result.GradientNorm;
        if (!result.Skipped && _configuration.Ema is { } average && _engine.Updates % average.Interval == 0)
        {
            _engine.UpdateAverage(average.Decay, average.Warmup);
        }

        _skippedInARow = result.Skipped ? _skippedInARow + 1 : 0;
        if (result.Skipped)
        {
            Skip(iteration);
        }
    }

    private GroupVitals? VitalsOf(int group)
    {
        if (_engine.Measurements is not { Count: > 0 } measurements || measurements[group] is not { Elements: > 0 } measured)
        {
            return null;
        }

        var isSkipped = double.IsNaN(measured.ParameterNorm);
        return new GroupVitals(
            measured.GradientNorm,
            isSkipped ? null : measured.ParameterNorm,
            isSkipped || measured.ParameterNorm == 0 ? null : measured.UpdateRatio,
            isSkipped ? null : measured.ZeroShare);
    }

    private void Skip(long iteration)
    {
        Skipped++;
        _watch.BeforeSkip(iteration);
        var places = _engine.NonFiniteGradients();
        if (_configuration.OptimWrapper.ClipGrad?.ErrorIfNonfinite == true || _skippedInARow == MostSkippedInARow)
        {
            throw new TrainingException(
                $"The gradient of iteration {iteration + 1} is not finite ({_skippedInARow} in a row), {Place(places)}: lower optim_wrapper.optimizer.lr, clip gradients with optim_wrapper.clip_grad, or run again with --debug to see which operator it comes from.");
        }

        if (_engine.Communicator.Rank == 0)
        {
            LoopLog.UpdateSkipped(_logger, iteration + 1, Place(places));
        }
    }

    private string Place(IReadOnlyList<string> parameters) =>
        $"in {parameters.Count} of {_engine.Groups.Parameters.Count(parameter => !parameter.Frozen)} parameters, such as {parameters[0]} of group '{_engine.Groups.Groups[_engine.Groups.GroupOf(parameters[0])].Name}'";
}
