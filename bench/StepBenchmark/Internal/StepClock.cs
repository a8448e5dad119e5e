using System.Diagnostics;
using OrtZero.Runtime;
using OrtZero.Training;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>Notes when each step ends, and what was allocated in the steps after warm-up.</summary>
internal sealed class StepClock(int warmUp, int iterations) : IRunObserver
{
    private readonly long[] _ends = new long[iterations + 1];
    private double _firstLoss;
    private long _allocatedBefore;
    private long _allocatedAfter;
    private TimeSpan _cpuBefore;
    private TimeSpan _cpuAfter;
    private int _collectionsBefore;
    private int _collectionsAfter;

    public void Started(RunDescription run)
    {
    }

    public void IterationEnded(long iteration, double loss)
    {
        if (iteration == 1)
        {
            _firstLoss = loss;
        }

        if (iteration == iterations)
        {
            _ends[iteration] = Stopwatch.GetTimestamp();
            _cpuAfter = Environment.CpuUsage.TotalTime;
            _allocatedAfter = GC.GetTotalAllocatedBytes(precise: true);
            _collectionsAfter = GC.CollectionCount(0);
            return;
        }

        if (iteration == warmUp)
        {
            _collectionsBefore = GC.CollectionCount(0);
            _allocatedBefore = GC.GetTotalAllocatedBytes(precise: true);
            _cpuBefore = Environment.CpuUsage.TotalTime;
        }

        _ends[iteration] = Stopwatch.GetTimestamp();
    }

    public StepDirective Report(MetricsRecord metrics) => StepDirective.Run;

    public void Validated(ValidationRecord validation)
    {
    }

    public void Finished(RunSummary summary)
    {
    }

    internal StepResult Result(string version) => new()
    {
        Seconds = [.. Enumerable.Range(warmUp + 1, iterations - warmUp).Select(step => Stopwatch.GetElapsedTime(_ends[step - 1], _ends[step]).TotalSeconds)],
        CpuSecondsPerStep = (_cpuAfter - _cpuBefore).TotalSeconds / (iterations - warmUp),
        FirstLoss = _firstLoss,
        PeakRssBytes = ProcessMemory.PeakRssBytes(),
        AllocatedBytesPerStep = (_allocatedAfter - _allocatedBefore) / (double)(iterations - warmUp),
        Collections = _collectionsAfter - _collectionsBefore,
        Version = $"ONNX Runtime {OrtLibrary.Load().Version}, {version}",
    };
}
