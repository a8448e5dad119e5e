using System.Diagnostics;
using OrtZero.Mpi;

namespace OrtZero.Sharding;

/// <content>The update itself: the optimizer over the buckets, each gathered while the next is updated.</content>
public sealed partial class ZeroEngine
{
    private void Update(in UpdateSettings settings, float gradientScale)
    {
        var watch = Watch(settings);
        _optimizer.Begin(settings, gradientScale);
        var gather = Stage > 0 && Communicator.Size > 1;
        var pipeline = gather ? _gradients.Pipeline : null;
        pipeline?.Start(_gatherOverlapped);
        for (var bucket = 0; bucket < Plan.Buckets.Count; bucket++)
        {
            var started = Stopwatch.GetTimestamp();
            _optimizer.UpdateBucket(bucket, watch);
            Trace?.Add(TraceActivity.Optimizer, started, bucket);
            if (pipeline is not null)
            {
                pipeline.MarkReady(bucket);
            }
            else if (gather)
            {
                var waiting = Stopwatch.GetTimestamp();
                GatherUpdated(Communicator, bucket);
                Trace?.Add(TraceActivity.Wait, waiting, bucket);
            }
        }

        _optimizer.End();
        if (pipeline is not null)
        {
            var waiting = Stopwatch.GetTimestamp();
            pipeline.Complete();
            Trace?.Add(TraceActivity.Wait, waiting);
        }

        watch?.Complete(settings.GradientDivisor);
    }

    private void GatherParameters(ICommunicator communicator, int index)
    {
        var bucket = Plan.Buckets[index];
        var started = Stopwatch.GetTimestamp();
        communicator.Label("parameters", index);
        var parameters = ParameterSpan(bucket.Offset, (int)bucket.Length);
        if (_pieces is null)
        {
            communicator.AllGather(parameters);
        }
        else
        {
            _pieces.Gather(communicator, parameters);
        }

        communicator.Label(null);
        Trace?.Add(TraceActivity.Gather, started, index);
    }

    private void CheckSettings(in UpdateSettings settings)
    {
        if (!double.IsFinite(settings.GradientDivisor) || settings.GradientDivisor <= 0)
        {
            throw new ArgumentException($"The gradient divisor is {settings.GradientDivisor}: it must be positive and finite.", nameof(settings));
        }

        if (settings.MaxNorm is { } maxNorm && !(maxNorm > 0))
        {
            throw new ArgumentException($"clip_grad.max_norm is {maxNorm}: it must be positive, or absent not to clip.", nameof(settings));
        }

        if (settings.LearningRates.Count != Groups.Groups.Count || settings.WeightDecays.Count != Groups.Groups.Count
            || (settings.Momenta is { } momenta && momenta.Count != Groups.Groups.Count))
        {
            throw new ArgumentException(
                $"There are {Groups.Groups.Count} parameter groups but {settings.LearningRates.Count} learning rates and {settings.WeightDecays.Count} weight decays: give one of each per group.",
                nameof(settings));
        }
    }
}
