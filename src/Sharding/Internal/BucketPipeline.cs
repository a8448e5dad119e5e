using System.Runtime.ExceptionServices;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// A thread that does one piece of work per bucket, always in the order of the buckets and each only once it is ready.
/// </summary>
/// <remarks>
/// Which bucket fills first can differ from rank to rank; the order of collectives must not, so the thread waits for the next
/// bucket in order even when a later one is ready. After a failure it takes no more work: the ranks are no longer in step, and
/// every later call rethrows what happened.
/// </remarks>
internal sealed class BucketPipeline
{
    private readonly object _gate = new();
    private readonly bool[] _ready;
    private readonly Thread _thread;
    private Action<int>? _work;
    private ExceptionDispatchInfo? _failure;
    private int _next;
    private bool _stopping;

    public BucketPipeline(int bucketCount, string name)
    {
        _ready = new bool[bucketCount];
        _next = bucketCount;
        _thread = new Thread(Loop) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Whether something went wrong on the thread.</summary>
    public bool HasFailed => Volatile.Read(ref _failure) is not null;

    /// <summary>Whether there is a bucket that is being worked on or about to be: waiting for the thread makes sense only then.</summary>
    public bool IsWorking
    {
        get
        {
            lock (_gate)
            {
                return _failure is null && !_stopping && _next < _ready.Length && _ready[_next];
            }
        }
    }

    /// <summary>Begins a round: <paramref name="work"/> will be called once for every bucket.</summary>
    public void Start(Action<int> work)
    {
        lock (_gate)
        {
            _failure?.Throw();
            if (_next != _ready.Length)
            {
                throw new InvalidOperationException("The previous round of collectives has not ended.");
            }

            Array.Clear(_ready);
            _work = work;
            _next = 0;
        }
    }

    /// <summary>Says that a bucket may be worked on.</summary>
    public void MarkReady(int bucket)
    {
        lock (_gate)
        {
            _ready[bucket] = true;
            if (bucket == _next)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Rethrows what went wrong on the thread, if anything did.</summary>
    public void ThrowIfFailed() => Volatile.Read(ref _failure)?.Throw();

    /// <summary>Waits until every bucket of the round, all of which must be ready, is done.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            while (_failure is null && _next < _ready.Length)
            {
                Monitor.Wait(_gate);
            }

            _failure?.Throw();
        }
    }

    /// <summary>Ends the thread. False when it is inside a collective that does not return: the buffers it works on must then be
    /// left alone until the process ends.</summary>
    public bool TryStop(TimeSpan patience)
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        return _thread.Join(patience);
    }

    private void Loop()
    {
        while (WaitForBucket(out var bucket))
        {
            try
            {
                _work!(bucket);
            }
            catch (Exception exception)
            {
                lock (_gate)
                {
                    _failure = ExceptionDispatchInfo.Capture(new ShardingException(
                        $"Communication of bucket {bucket} of {_ready.Length} failed: {exception.Message}", exception));
                    Monitor.PulseAll(_gate);
                }

                return;
            }

            lock (_gate)
            {
                _next++;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool WaitForBucket(out int bucket)
    {
        lock (_gate)
        {
            while (!_stopping && (_next == _ready.Length || !_ready[_next]))
            {
                Monitor.Wait(_gate);
            }

            bucket = _next;
            return !_stopping;
        }
    }
}
