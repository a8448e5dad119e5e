using System.Diagnostics;
using OrtZero.Mpi;

namespace OrtZero.Training.Internal;

/// <summary>Collects losses and time between two log lines, over all ranks.</summary>
internal sealed class IntervalMeter(ICommunicator communicator, int microBatchSize)
{
    private readonly double[] _sums = new double[3];
    private long _clock = Stopwatch.GetTimestamp();
    private TimeSpan _excluded;

    internal void Add(MicroBatchLoss loss)
    {
        _sums[0] += loss.Sum;
        _sums[1] += loss.Count;
        _sums[2]++;
    }

    /// <summary>Begins an interval, leaving out whatever came before.</summary>
    internal void Restart() => _clock = Stopwatch.GetTimestamp();

    /// <summary>Leaves time out of the throughput that was not spent training.</summary>
    internal void Exclude(TimeSpan time) => _excluded += time;

    /// <summary>
    /// The mean loss of every micro-batch (with a global normalization: of every label) of every rank and the samples of all ranks per
    /// second, since the last call. Collective.
    /// </summary>
    internal (double Loss, double SamplesPerSecond) Drain()
    {
        communicator.AllReduce(_sums, ReduceOperation.Sum);
        var seconds = (Stopwatch.GetElapsedTime(_clock) - _excluded).TotalSeconds;
        var result = (new MicroBatchLoss(_sums[0], _sums[1]).Mean, _sums[2] * microBatchSize / Math.Max(seconds, 1e-9));
        Array.Clear(_sums);
        _excluded = TimeSpan.Zero;
        _clock = Stopwatch.GetTimestamp();
        return result;
    }
}
