using System.Diagnostics;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// What to do between two polls: spin, then yield the processor, then sleep. Blocking MPI calls only spin, which makes them
/// collapse as soon as there are more ranks than cores (an all-reduce of one float: 32 ms at 8 ranks on 2 cores, 58 µs this way).
/// </summary>
internal unsafe struct Backoff(TimeSpan timeout)
{
    private const int Spins = 50;
    private const int Yields = 100;
    private const int SleepNanoseconds = 20_000;

    private readonly long _start = Stopwatch.GetTimestamp();
    private int _polls;

    /// <summary>Waits a moment. Returns false once the time is over (looked at only while sleeping, where it costs nothing).</summary>
    public bool Pause()
    {
        if (_polls < Spins)
        {
            _polls++;
            return true;
        }

        if (_polls < Spins + Yields)
        {
            _polls++;
            _ = LibC.Yield();
            return true;
        }

        var pause = new LibC.TimeSpec { Nanoseconds = SleepNanoseconds };
        _ = LibC.Sleep(&pause, null);
        return timeout == Timeout.InfiniteTimeSpan || Stopwatch.GetElapsedTime(_start) < timeout;
    }
}
