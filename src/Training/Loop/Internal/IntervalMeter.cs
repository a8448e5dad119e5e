using System.Diagnostics;
using OrtZero.Mpi;

namespace OrtZero.Training.Internal;

/// <summary>Collects losses and time between two log lines, over all ranks.</summary>
internal sealed class IntervalMeter(ICommunicator communicator, int microBatchSize)
{
    private readonly double[] _sums = new double[2];
    private long _clock = Stopwatch.GetTimestamp();
    private TimeSpan _excluded;

    internal void Add(double loss)
    {
        _sums[0] += loss;
        _sums[1]++;
    }

    /// <summary>Begins an interval, leaving out whatever came before.</summary>
    internal void Restart() => _clock = Stopwatch.GetTimestamp();

    /// <summary>Leaves time out of the throughput that was not spent training.</summary>
    internal void Exclude(TimeSpan time) => _excluded += time;

    /// <summary>The mean loss of every micro-batch of every rank and the samples of all ranks per second, since the last call. Collective.</summary>
    internal (double Loss, double SamplesPerSecond) Drain()
    {
        communicator.AllReduce(_sums, ReduceOperation.Sum);
        var seconds = (Stopwatch.GetElapsedTime(_clock) - _excluded).TotalSeconds;
        var result = (_sums[0] / _sums[1], _sums[1] * microBatchSize / Math.Max(seconds, 1e-9));
        Array.Clear(_sums);
        _excluded = TimeSpan.Zero;
        _clock = Stopwatch.GetTimestamp();
        return result;
    }
}
