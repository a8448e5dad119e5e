using System.Diagnostics;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// What to do between two polls: spin, then yield the processor, then sleep, the longer the longer it takes. Blocking MPI calls only
/// spin, which makes them collapse as soon as there are more ranks than cores (an all-reduce of one float: 32 ms at 8 ranks on 2
/// cores, 58 µs this way).
/// </summary>
internal unsafe struct Backoff(TimeSpan timeout)
{
    private const int Spins = 50;
    private const int Yields = 100;

    // 20 µs for the first fiftieth of a second, as collectives of training take; in long waits (a checkpoint, an evaluation) a
    // millisecond more does not matter, but a thousand waking ranks would.
    private const int ShortSleeps = 300;
    private const int MediumSleeps = 3000;
    private const int ShortNanoseconds = 20_000;
    private const int MediumNanoseconds = 100_000;
    private const int LongNanoseconds = 1_000_000;

    private static readonly TimeSpan s_lookInterval = TimeSpan.FromMilliseconds(500);

    private readonly long _start = Stopwatch.GetTimestamp();
    private int _polls;
    private int _looks;

    /// <summary>Waits a moment. Returns false once the time is over (looked at only while sleeping, where it costs nothing).</summary>
    public bool Pause() => Pause(out _);

    /// <inheritdoc cref="Pause()"/>
    /// <param name="look">True every half second: time to see whether the others are still there.</param>
    public bool Pause(out bool look)
    {
        look = false;
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

        var sleeps = _polls - Spins - Yields;
        _polls += sleeps < MediumSleeps ? 1 : 0;
        var pause = new LibC.TimeSpec
        {
            Nanoseconds = sleeps < ShortSleeps ? ShortNanoseconds : sleeps < MediumSleeps ? MediumNanoseconds : LongNanoseconds,
        };
        _ = LibC.Sleep(&pause, null);
        var elapsed = Stopwatch.GetElapsedTime(_start);
        var looks = (int)(elapsed / s_lookInterval);
        (look, _looks) = (looks > _looks, looks);
        return timeout == Timeout.InfiniteTimeSpan || elapsed < timeout;
    }
}
