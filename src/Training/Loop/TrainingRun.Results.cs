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
            Groups = _steps.Groups,
            SamplesPerSecond = samplesPerSecond,
            PeakRssBytes = ProcessMemory.PeakRssBytes(),
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
        _measured["loss"] = _validation.Loss;
        if (_validation is { Metric: { } name, Value: { } value })
        {
            _measured[name] = value;
        }

        _schedule.AfterValidation(_measured);
        Tell(observer => observer.Validated(_validation));
        _meter.Exclude(Stopwatch.GetElapsedTime(started));
    }

    private void Save()
    {
        var started = Stopwatch.GetTimestamp();
        _checkpoints.Begin(_iteration, _schedule.FollowsMetrics ? _schedule.SaveState() : null);
        _trainer.Engine.Trace?.Add(TraceActivity.Checkpoint, started);
        _meter.Exclude(Stopwatch.GetElapsedTime(started));
    }

    private RunSummary Finish(RunOutcome outcome)
    {
        _trainer.Engine.Trace?.Write(Path.Combine(_configuration.WorkDir, "trace", $"rank-{_communicator.Rank}.json"));
        var model = outcome == RunOutcome.Completed ? _folder!.ModelPath : null;
        var summary = new RunSummary
        {
            Outcome = outcome,
            RunId = Description.RunId,
            Iterations = _iteration,
            Epochs = (int)(_iteration / _plan.IterationsPerEpoch),
            Updates = _trainer.Engine.Updates,
            SkippedUpdates = _steps.Skipped,
            Loss = _loss,
            Validation = _validation,
            WorldSize = _communicator.Size,
            TrainingSeconds = _trainingSeconds,
            TotalSeconds = Stopwatch.GetElapsedTime(_began).TotalSeconds,
            SamplesPerSecond = (_iteration - Description.FirstIteration) * (double)_communicator.Size * _configuration.MicroBatchSize / Math.Max(_trainingSeconds, 1e-9),
            PeakRssBytes = ProcessMemory.PeakRssBytes(),
            ModelPath = model,
            CheckpointPath = _checkpoints.Newest,
        };
        _trainer.States.Average(_communicator);
        // For the model file and the sample; the end of the run frees them.
        _trainer.Engine.GatherWholeParameters(keep: _communicator.Rank == 0);
        // Rank 0 alone writes; the others learn whether it could, so that no rank ends well where the model is missing.
        RankAgreement.Run(_communicator, () =>
        {
            if (_communicator.Rank == 0)
            {
                if (model is not null)
                {
                    ModelExporter.Save(Prepared, _trainer.Engine, _trainer.States.Values(), model);
                }

                _folder!.Write(summary);
            }
        });
        return summary;
    }
}
