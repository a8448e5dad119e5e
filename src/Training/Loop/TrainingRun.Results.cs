using System.Diagnostics;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <content>What a run leaves behind: measurements, validations, checkpoints, the trained model and the summary.</content>
public sealed partial class TrainingRun
{
    private StepDirective Log(int epoch)
    {
        var (loss, samplesPerSecond) = _meter.Drain();
        _loss = loss;
        var metrics = new MetricsRecord
        {
            Iteration = _iteration,
            Epoch = epoch,
            Loss = loss,
            GradientNorm = _steps.GradientNorm,
            Groups = _groupObserver.Observe(_iteration, _steps.Groups),
            SamplesPerSecond = samplesPerSecond,
            PeakRssBytes = ProcessMemory.PeakRssBytes(),
            ModelStateBytes = _trainer.Engine.Memory.Total,
            SkippedUpdates = _steps.Skipped,
        };
        _folder!.Write(metrics);
        var wanted = StepDirective.Run;
        foreach (var observer in _observers)
        {
            wanted = (StepDirective)Math.Max((int)wanted, (int)observer.Report(metrics));
        }

        return wanted;
    }

    private void Validate()
    {
        if (_trainer.Evaluator is not { } evaluator)
        {
            return;
        }

        var started = Stopwatch.GetTimestamp();
        _validation = evaluator.Evaluate(_iteration, _plan.EpochOf(_iteration - 1) + 1);
        _trainer.Engine.Trace?.Add(TraceActivity.Validation, started);
        _folder!.Write(_validation);
        _schedule.AfterValidation(_validation.Measured());
        if (_selection.Observe(_updatedAt, _validation))
        {
            _checkpoints.SaveBest(_updatedAt, Schedule);
        }

        Tell(observer => observer.Validated(_validation));
        _meter.Exclude(Stopwatch.GetElapsedTime(started));
    }

    private ScheduleState? Schedule => _schedule.FollowsMetrics ? _schedule.SaveState() : null;

    private void Save(bool validationDue)
    {
        var started = Stopwatch.GetTimestamp();
        _checkpoints.Begin(_iteration, Schedule, validationDue);
        _trainer.Engine.Trace?.Add(TraceActivity.Checkpoint, started);
        _meter.Exclude(Stopwatch.GetElapsedTime(started));
    }

    private RunSummary Finish(RunOutcome outcome)
    {
        _trainer.Engine.Trace?.Write(Path.Combine(_configuration.WorkDir, "trace", $"rank-{_communicator.Rank}.json"));
        _groupObserver.Finish();
        var model = outcome == RunOutcome.Completed ? _folder!.ModelPath : null;
        var updates = _trainer.Engine.Updates;
        if (model is not null && _selection.RestoresBest && _checkpoints.LoadBest())
        {
            _validation = _selection.Best[0].Validation;
        }

        var memory = MemoryUse.Of(_trainer.Engine, _checkpoints.CopyBytes);
        LoopLog.Memory(_logger, _communicator.Rank, memory);
        var summary = new RunSummary
        {
            Outcome = outcome,
            RunId = Description.RunId,
            Iterations = _iteration,
            Epochs = (int)(_iteration / _plan.IterationsPerEpoch),
            Updates = updates,
            SkippedUpdates = _steps.Skipped,
            Loss = _loss,
            StoppedEarly = _iteration < _plan.TotalIterations && outcome == RunOutcome.Completed,
            Best = _selection.Best.Count > 0 ? _selection.Best[0] : null,
            Validation = _validation,
            WorldSize = _communicator.Size,
            TrainingSeconds = _trainingSeconds,
            TotalSeconds = Stopwatch.GetElapsedTime(_began).TotalSeconds,
            SamplesPerSecond = (_iteration - Description.FirstIteration) * (double)_communicator.Size * _configuration.MicroBatchSize / Math.Max(_trainingSeconds, 1e-9),
            PeakRssBytes = memory.PeakRssBytes,
            Memory = memory.MostOf(_communicator),
            ModelPath = model,
            CheckpointPath = _checkpoints.Newest,
        };
        ModelExporter.Finish(_trainer, Prepared, model, () =>
        {
            // Writing the model may take more than training did.
            var peak = ProcessMemory.PeakRssBytes();
            summary = summary with { PeakRssBytes = peak, Memory = summary.Memory with { PeakRssBytes = Math.Max(peak, summary.Memory.PeakRssBytes) } };
            _folder!.Write(summary);
        });
        return summary;
    }
}
