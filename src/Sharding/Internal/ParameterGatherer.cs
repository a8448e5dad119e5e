using System.Diagnostics;
using System.Runtime.ExceptionServices;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Gathers the parameters of a training graph in the order in which it uses them, on a thread that runs ahead of the graph as far as
/// it may.
/// </summary>
/// <remarks>The order is fixed when the graph is prepared and the same on every rank, so the collectives are, too; tokens between the
/// graph's nodes make ONNX Runtime keep it.</remarks>
internal sealed class ParameterGatherer : IDisposable
{
    private readonly object _gate = new();
    private readonly PartitionPlan _plan;
    private readonly ParameterStore _parameters;
    private readonly int[] _order;
    private readonly long[] _live;
    private readonly long _maxLive;
    private readonly long[] _offsets;
    private readonly long _ahead;
    private readonly RingBuffer _ring;
    private readonly ICommunicator _communicator;
    private readonly Thread? _thread;
    private ExceptionDispatchInfo? _failure;
    private long _waitingElements;
    private int _issued;
    private int _done;
    private int _taken;
    private bool _stopping;

    /// <param name="plan">The layout.</param>
    /// <param name="parameters">Where the shard lies.</param>
    /// <param name="communicator">The ranks; used only while a run asks for parameters.</param>
    /// <param name="schedule">The parameters in the order in which a run asks for them.</param>
    /// <param name="ahead">Elements gathered before they are asked for; null to gather in the thread that asks.</param>
    /// <param name="maxLive">Elements that may be whole at a time, gathered ahead or in the graph; beyond, only what is asked for is gathered.</param>
    public ParameterGatherer(
        PartitionPlan plan, ParameterStore parameters, ICommunicator communicator, GatherSchedule schedule, long? ahead, long maxLive)
    {
        Schedule = schedule;
        var order = schedule.Parameters;
        _live = schedule.Live;
        _maxLive = maxLive;
        _plan = plan;
        _parameters = parameters;
        _order = order;
        _offsets = new long[order.Length];
        _ahead = ahead ?? 0;
        _ring = new RingBuffer(RingElements(plan, order, ahead));
        _communicator = communicator;
        if (ahead is not null)
        {
            _communicator = communicator.Duplicate();
            _thread = new Thread(Loop) { IsBackground = true, Name = "ortzero-gather" };
            _thread.Start();
        }
    }

    /// <summary>Where gathers and waits for them are recorded; null: nowhere.</summary>
    public StepTrace? Trace { get; set; }

    /// <summary>The bytes of the buffers.</summary>
    public long ByteLength => _ring.ByteLength;

    /// <summary>What a run asks for.</summary>
    public GatherSchedule Schedule { get; }

    /// <summary>The most elements that were whole at a time, gathered ahead or in the graph; one that is copied from here to there counts once.</summary>
    public long PeakLive { get; private set; }

    /// <summary>The elements of the buffer: room for what is gathered ahead, however it falls around the end of the ring.</summary>
    public static long RingElements(PartitionPlan plan, int[] order, long? ahead)
    {
        var largest = order.Max(plan.GatheredElements);
        return ahead is { } elements ? largest + Math.Max(Math.Min(elements, order.Sum(plan.GatheredElements)), largest) : largest;
    }

    /// <summary>Says that a run is about to begin, and begins to gather.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            _failure?.Throw();
            if (_taken != 0 && _taken != _order.Length)
            {
                throw new InvalidOperationException(
                    $"The last run of the training graph took {_taken} of {_order.Length} gathered parameters: it failed or is not over.");
            }

            (_issued, _done, _taken) = (0, 0, 0);
            Issue();
        }
    }

    /// <summary>Waits for the next parameter and copies it out.</summary>
    /// <param name="position">Its place in the order.</param>
    /// <param name="target">As long as the parameter.</param>
    public void Take(int position, Span<float> target)
    {
        lock (_gate)
        {
            if (position != _taken)
            {
                throw new InvalidOperationException($"Gathered parameter {position} was asked for when {_taken} was next: call BeginMicroBatch before each run.");
            }

            if (_thread is null)
            {
                _ring.TryReserve(_plan.GatheredElements(_order[position]), out _offsets[position]);
            }
        }

        var started = Stopwatch.GetTimestamp();
        if (_thread is null)
        {
            Gather(position);
        }
        else
        {
            WaitFor(position);
        }

        Trace?.Add(TraceActivity.Wait, started, _order[position]);

        _ring.Span(_offsets[position], target.Length).CopyTo(target);
        lock (_gate)
        {
            var elements = _plan.GatheredElements(_order[position]);
            _ring.Release(_offsets[position] + elements);
            _waitingElements -= _thread is null ? 0 : elements;
            _taken++;
            Measure();
            Issue();
        }
    }

    /// <summary>Ends the thread and frees the buffers. False when a collective does not return; see <see cref="GradientReducer.TryDispose"/>.</summary>
    public bool TryDispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        if (_thread is not null && !_thread.Join(TimeSpan.FromSeconds(2)))
        {
            return false;
        }

        if (_thread is not null && _failure is null && _taken == _issued)
        {
            _communicator.Dispose();
        }

        _ring.Dispose();
        return true;
    }

    public void Dispose() => TryDispose();

    private void WaitFor(int position)
    {
        lock (_gate)
        {
            if (_issued == position)
            {
                // Nothing may be gathered ahead, or not this much; now it is wanted.
                IssueNext();
            }

            while (_failure is null && _done <= position)
            {
                Monitor.Wait(_gate);
            }

            _failure?.Throw();
        }
    }

    private void Issue()
    {
        while (_thread is not null && _issued < _order.Length
            && _waitingElements + _plan.GatheredElements(_order[_issued]) <= Math.Min(_ahead, _maxLive - InGraph) && IssueNext())
        {
            Measure();
        }
    }

    // At most: some of it may be free by now.
    private long InGraph => _taken > 0 ? _live[_taken - 1] : 0;

    private void Measure() => PeakLive = Math.Max(PeakLive, _waitingElements + InGraph);

    private bool IssueNext()
    {
        var elements = _plan.GatheredElements(_order[_issued]);
        if (!_ring.TryReserve(elements, out _offsets[_issued]))
        {
            return false;
        }

        _waitingElements += elements;
        _issued++;
        Monitor.PulseAll(_gate);
        return true;
    }

    private void Gather(int position)
    {
        var started = Stopwatch.GetTimestamp();
        var planned = _plan.Parameters[_order[position]];
        var first = _plan.BucketAt(planned.Offset);
        var last = _plan.BucketAt(planned.Offset + planned.Length - 1);
        for (var index = first; index <= last; index++)
        {
            var bucket = _plan.Buckets[index];
            _parameters.Gather(_communicator, bucket, _ring.Span(_offsets[position] + bucket.Offset - planned.Offset, (int)bucket.Length));
        }

        Trace?.Add(TraceActivity.GatherParameter, started, _order[position]);
    }

    private void Loop()
    {
        while (true)
        {
            int position;
            lock (_gate)
            {
                while (!_stopping && _done == _issued)
                {
                    Monitor.Wait(_gate);
                }

                if (_stopping)
                {
                    return;
                }

                position = _done;
            }

            try
            {
                Gather(position);
            }
            catch (Exception exception)
            {
                lock (_gate)
                {
                    _failure = ExceptionDispatchInfo.Capture(new ShardingException(
                        $"Gathering '{_plan.Parameters[_order[position]].Name}' failed: {exception.Message}", exception));
                    Monitor.PulseAll(_gate);
                }

                return;
            }

            lock (_gate)
            {
                _done++;
                Monitor.PulseAll(_gate);
            }
        }
    }
}
