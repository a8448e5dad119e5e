using System.Diagnostics;
using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One training run on this rank: iterations, accumulation, updates, validation, checkpoints and the trained model. Counting
/// follows MMEngine: an iteration is a micro-batch, schedules step after every iteration, and the last, incomplete
/// accumulation is applied with its own divisor.
/// </summary>
public sealed partial class TrainingRun : IDisposable
{
    private readonly TrainingConfiguration _configuration;
    private readonly ICommunicator _communicator;
    private readonly ILogger _logger;
    private readonly TrainingMaterials _materials;
    private readonly Trainer _trainer;
    private readonly IterationPlan _plan;
    private readonly LearningRateSchedule _schedule;
    private readonly FineTuningPhases _phases;
    private readonly IntervalMeter _meter;
    private readonly List<IRunObserver> _observers = [];
    private readonly OptimizerSteps _steps;
    private readonly NonFiniteWatch _nonFinite;
    private readonly GradientDivisor _divisor;
    private readonly GroupObserver _groupObserver;
    private readonly long[] _agreement = new long[2];
    private readonly RunCheckpoints _checkpoints;
    private readonly ModelSelection _selection;
    private readonly long _began = Stopwatch.GetTimestamp();
    private StepDirective _asked;
    private long _iteration;
    private long _updatedAt;
    private int _phase;
    private double? _loss;
    private double _trainingSeconds;
    private ValidationRecord? _validation;
    private RunFolder? _folder;

    private TrainingRun(
        TrainingConfiguration configuration, ICommunicator communicator, ILogger logger, TrainingMaterials materials, Trainer trainer, long? maxIterations,
        bool diagnoses)
    {
        _configuration = configuration;
        _communicator = communicator;
        _logger = logger;
        _materials = materials;
        _trainer = trainer;
        _plan = IterationPlan.Of(configuration, materials.Sampler.IterationsPerEpoch, maxIterations);
        var groups = materials.Prepared.Groups;
        _schedule = LearningRateSchedule.Create(
            configuration.ParamScheduler, groups, _plan.IterationsPerEpoch, configuration.TrainCfg.MaxEpochs, configuration.TrainCfg.MaxIters);
        _phases = FineTuningPhases.Of(configuration, groups, _plan.IterationsPerEpoch, _plan.TotalIterations);
        _nonFinite = new NonFiniteWatch(trainer, _plan, logger, diagnoses && communicator.Size == 1);
        _steps = new OptimizerSteps(configuration, trainer.Engine, _schedule, _phases, _nonFinite, logger);
        _divisor = new GradientDivisor(configuration, communicator);
        _groupObserver = new GroupObserver(configuration.Log, trainer.Engine, logger);
        _selection = new ModelSelection(configuration);
        _checkpoints = new RunCheckpoints(configuration, trainer.Engine, trainer.States, _selection, logger) { Adapters = materials.Prepared.Adaptation?.State };
        _meter = new IntervalMeter(communicator, configuration.MicroBatchSize);
    }

    /// <summary>The model being trained and its parameter groups.</summary>
    public PreparedModel Prepared => _materials.Prepared;

    /// <summary>What is known of the run before its first iteration.</summary>
    public RunDescription Description { get; private set; } = null!;

    /// <summary>Opens model and data on every rank and resumes a checkpoint where the configuration asks for one. Collective.</summary>
    /// <param name="configuration">What to train.</param>
    /// <param name="communicator">The ranks; not disposed by the run.</param>
    /// <param name="logger">Where warnings and details go.</param>
    /// <param name="maxIterations">Ends the run early, with the schedules the configuration gives it. Null: it runs to its end.</param>
    /// <param name="diagnoses">Whether, in a single process, the first loss or gradient that is not finite is traced to the operator it comes
    /// from: its micro-batch is run again with every value as an output.</param>
    /// <exception cref="RankMismatchException">Ranks have different configurations or models.</exception>
    /// <exception cref="PeerFailedException">Another rank failed; it says why.</exception>
    public static TrainingRun Open(
        TrainingConfiguration configuration, ICommunicator communicator, ILogger logger, long? maxIterations = null, bool diagnoses = false)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(communicator);
        ArgumentNullException.ThrowIfNull(logger);
        communicator.Timeout = TimeSpan.FromSeconds(configuration.ZeroOptimization.CollectiveTimeoutSeconds);
        var prepared = RankAgreement.Run(communicator, () => PreparedModel.Load(configuration));
        var configurationHash = ConfigurationFingerprint.Of(configuration);
        RankAgreement.RequireEqual(
            communicator, "The configurations", configurationHash,
            $"start every rank with the same {Path.GetFileName(configuration.Path)} and the same --set options.");
        RankAgreement.RequireEqual(
            communicator, "The model files", prepared.FileHash, $"copy one {Path.GetFileName(configuration.Model.Path)} to every machine.");
        var materials = RankAgreement.Run(communicator, () => TrainingMaterials.Load(configuration, prepared, communicator, logger));
        Trainer? trainer = null;
        TrainingRun? run = null;
        try
        {
            RankAgreement.RequireEqual(
                communicator, "The execution providers", materials.Provider.Kind.ToString(), "name one in execution.provider that works on every machine.");
            trainer = Trainer.Open(materials, communicator, logger);
            run = RankAgreement.Run(communicator, () => new TrainingRun(configuration, communicator, logger, materials, trainer, maxIterations, diagnoses));
            run.Begin(configurationHash);
            return run;
        }
        catch
        {
            run?._folder?.Dispose();
            run?._checkpoints.Dispose();
            trainer?.Dispose();
            materials.Dispose();
            throw;
        }
    }

    /// <summary>What validates this run. Null: there is no validation data.</summary>
    internal Evaluator? Evaluator => _trainer.Evaluator;

    /// <summary>Adds somebody who hears of the run and may steer it.</summary>
    public void Observe(IRunObserver observer) => _observers.Add(observer);

    /// <summary>Trains to the end, or until <paramref name="stop"/> asks to stop after the current update on any rank. Collective.</summary>
    /// <returns>How it went; equal on every rank but for memory and times.</returns>
    public RunSummary Execute(CancellationToken stop)
    {
        _trainer.Engine.Trace = _configuration.Log.Trace ? new StepTrace(_communicator) : null;
        Tell(observer => observer.Started(Description));
        TellPhase();
        var outcome = RunOutcome.Completed;
        _meter.Restart();
        if (_checkpoints.ValidationDue)
        {
            Validate();
        }

        // An accumulation that has begun is finished, so that the last checkpoint is of the end.
        var atRest = true;
        while (_iteration < _plan.TotalIterations && !(atRest && _selection.IsOver))
        {
            var directive = Iterate(stop, out atRest);
            if (directive == StepDirective.Stop && _iteration < _plan.TotalIterations)
            {
                // To stop soon, the validation that may be due is left to the run that goes on.
                Save(validationDue: _plan.ValidatesAfter(_iteration));
                _checkpoints.Complete();
                outcome = RunOutcome.Stopped;
                break;
            }

            // Validated first, because what it measures moves some schedules, and a checkpoint keeps where they are.
            if (_plan.ValidatesAfter(_iteration))
            {
                Validate();
            }

            if (directive == StepDirective.Checkpoint || (atRest && _checkpoints.IsDue(_iteration, isEnd: _iteration == _plan.TotalIterations || _selection.IsOver)))
            {
                Save(validationDue: false);
            }
        }

        // What fails is kept until the trained model is written: a disk too full for the last checkpoint may have room for that.
        var failure = _checkpoints.TryComplete();
        var summary = Finish(outcome);
        failure?.Throw();
        Tell(observer => observer.Finished(summary));
        return summary;
    }

    /// <summary>
    /// The gradients of the update that comes next, by parameter name: summed over its micro-batches and ranks, divided, before
    /// clipping. Parameters stay as they are. Collective.
    /// </summary>
    public IReadOnlyDictionary<string, float[]> FirstGradients()
    {
        var (_, counts) = _plan.Accumulation(_iteration);
        for (var micro = 0; micro < counts; micro++)
        {
            _divisor.Add(micro, RunMicroBatch(_iteration + micro, first: micro == 0, last: micro == counts - 1));
        }

        return _trainer.Engine.GatherGradients(_divisor.Of(counts));
    }

    /// <summary>What the trained model makes of a validation sample; for rank 0, after <see cref="Execute"/>. Null: the configuration asks
    /// for none.</summary>
    public SamplePrediction? Sample(int sample = 0) => _trainer.Captions?.Write(sample);

    /// <inheritdoc/>
    public void Dispose()
    {
        _folder?.Dispose();
        _checkpoints.Dispose();
        _trainer.Dispose();
        _materials.Dispose();
    }

    private void Begin(string configurationHash)
    {
        _iteration = _updatedAt = _checkpoints.Resume();
        // The schedule is replayed rather than restored, so that a schedule changed in cfg.json is the one that counts.
        for (var done = 1L; done <= _iteration; done++)
        {
            AdvanceSchedule(done);
        }

        if (_schedule.FollowsMetrics && _checkpoints.Schedule is { } saved)
        {
            _schedule.LoadState(saved);
        }

        _phase = _phases.IndexAt(_iteration);
        _trainer.Enter(_phases.Trained(_phase));
        _folder = RankAgreement.Run(_communicator, () => RunFolder.Open(_configuration, _communicator.Rank, _iteration > 0 ? _iteration : null));
        Description = RunDescriptions.Create(_configuration, Prepared, _trainer.Engine, _plan, _iteration, configurationHash);
        if (_communicator.Rank != 0)
        {
            return;
        }

        foreach (var sentence in _configuration.Warnings.Concat(Prepared.Groups.Warnings).Concat(_schedule.Warnings).Concat(_phases.Warnings))
        {
            LoopLog.Advice(_logger, sentence);
        }

        foreach (var sentence in Prepared.Import.Messages.Concat(_materials.Notes))
        {
            LoopLog.Imported(_logger, sentence);
        }
    }

    // One micro-batch and, at an accumulation boundary, the update; returns what the ranks agreed to do next.
    private StepDirective Iterate(CancellationToken stop, out bool atRest)
    {
        var started = Stopwatch.GetTimestamp();
        var (position, counts) = _plan.Accumulation(_iteration);
        atRest = position == counts - 1;
        if (position == 0)
        {
            EnterPhase();
        }

        var loss = RunMicroBatch(_iteration, first: position == 0, last: atRest);
        _nonFinite.AfterMicroBatch(_iteration, loss);
        _meter.Add(loss);
        _divisor.Add(position, loss);
        if (atRest)
        {
            _steps.Apply(_iteration, _phase, _divisor.Of(counts), _groupObserver.Measures && _plan.IsLoggedAfter(_iteration, _configuration.Log.Interval));
        }

        var epoch = _plan.EpochOf(_iteration);
        _iteration++;
        _updatedAt = atRest ? _iteration : _updatedAt;
        AdvanceSchedule(_iteration);
        _trainingSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        foreach (var observer in _observers)
        {
            observer.IterationEnded(_iteration, loss.Mean);
        }

        if (_iteration % _configuration.Log.Interval == 0 || _iteration == _plan.TotalIterations)
        {
            Ask(Log(epoch));
        }

        if (stop.IsCancellationRequested)
        {
            Ask(StepDirective.Stop);
        }

        // Only between updates are gradients, parameters and optimizer state at rest, so only there may ranks stop or save.
        return atRest ? Agree() : StepDirective.Run;
    }

    // Phases change between updates only; an update belongs to the phase its first micro-batch is in.
    private void EnterPhase()
    {
        if (_phases.IndexAt(_iteration) is var phase && phase != _phase)
        {
            _phase = phase;
            _trainer.Enter(_phases.Trained(phase));
            TellPhase();
        }
    }

    private void TellPhase()
    {
        if (_configuration.Phases.Count > 0)
        {
            Tell(observer => observer.PhaseBegan(_phases.Describe(_phase, _plan.TotalIterations)));
        }
    }

    private MicroBatchLoss RunMicroBatch(long iteration, bool first, bool last)
    {
        if (first)
        {
            _trainer.BeginUpdate(_plan, iteration);
        }

        return _trainer.RunMicroBatch(iteration, _plan.EpochOf(iteration), _plan.PositionInEpoch(iteration), first, last);
    }

    private void AdvanceSchedule(long done)
    {
        _schedule.AfterIteration();
        if (_plan.EndsEpoch(done))
        {
            _schedule.AfterEpoch();
        }
    }

    private void Ask(StepDirective directive) => _asked = (StepDirective)Math.Max((int)_asked, (int)directive);

    // The most any rank asked for since the last update: a signal or a coordinator's word may have reached only some. The same message
    // tells whether a rank still writes its part of a checkpoint.
    private StepDirective Agree()
    {
        _agreement[0] = (long)_asked;
        _agreement[1] = _checkpoints.IsBusy ? 1 : 0;
        _communicator.AllReduce(_agreement, ReduceOperation.Max);
        _asked = StepDirective.Run;
        if (_agreement[1] == 0)
        {
            _checkpoints.Advance();
        }

        return (StepDirective)_agreement[0];
    }

    private void Tell(Action<IRunObserver> tell) => _observers.ForEach(tell);
}
