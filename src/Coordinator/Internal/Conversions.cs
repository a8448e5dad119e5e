using OrtZero.Coordinator.Protocol;
using OrtZero.Training;

namespace OrtZero.Coordinator.Internal;

/// <summary>The records of the training loop as messages.</summary>
internal static class Conversions
{
    public static RegisterRequest ToRequest(this Training.RunDescription run)
    {
        var request = new RegisterRequest
        {
            RunId = run.RunId,
            Rank = run.Rank,
            WorldSize = run.WorldSize,
            Host = run.Host,
            ProcessId = run.ProcessId,
            ConfigurationHash = run.ConfigurationHash,
            ModelHash = run.ModelHash,
            Description = new Protocol.RunDescription
            {
                ModelPath = run.ModelPath,
                WorkDir = run.WorkDir,
                FirstIteration = run.FirstIteration,
                TotalIterations = run.TotalIterations,
                IterationsPerEpoch = run.IterationsPerEpoch,
                TrainableElements = run.TrainableElements,
                ZeroStage = run.ZeroStage,
            },
        };
        request.Description.Groups.Add(run.Groups);
        return request;
    }

    public static Metrics ToMessage(this MetricsRecord record, long sequence)
    {
        var message = new Metrics
        {
            Sequence = sequence,
            Iteration = record.Iteration,
            Epoch = record.Epoch,
            Loss = record.Loss,
            SamplesPerSecond = record.SamplesPerSecond,
            PeakRssBytes = record.PeakRssBytes,
            SkippedUpdates = record.SkippedUpdates,
        };
        if (record.GradientNorm is { } norm)
        {
            message.GradNorm = norm;
        }

        if (record.LossScale is { } scale)
        {
            message.LossScale = scale;
        }

        message.Groups.Add(record.Groups.Select(group => new Protocol.GroupMetrics
        {
            Name = group.Name,
            LearningRate = group.LearningRate,
            WeightDecay = group.WeightDecay,
        }));
        return message;
    }

    public static Validation ToMessage(this ValidationRecord record, long sequence)
    {
        var message = new Validation
        {
            Sequence = sequence,
            Iteration = record.Iteration,
            Epoch = record.Epoch,
            Loss = record.Loss,
            Metric = record.Metric ?? "",
            Samples = record.Samples,
        };
        if (record.Value is { } value)
        {
            message.Value = value;
        }

        return message;
    }

    public static RankOutcome ToMessage(this RunOutcome outcome) => outcome switch
    {
        RunOutcome.Completed => RankOutcome.Completed,
        RunOutcome.Stopped => RankOutcome.Stopped,
        RunOutcome.Failed => RankOutcome.Failed,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "The outcome is not known."),
    };
}
