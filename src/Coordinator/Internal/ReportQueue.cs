using Google.Protobuf;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// Reports that the coordinator does not have yet, oldest first. When it is full the oldest go. Adding never waits. Safe for one
/// thread that adds and one that sends.
/// </summary>
internal sealed class ReportQueue(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Queue<(long Sequence, IMessage Report)> _reports = new();

    /// <summary>Pulsed when a report is added.</summary>
    public ChangeSignal News { get; } = new();

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _reports.Count;
            }
        }
    }

    /// <summary>How many reports have been lost so far.</summary>
    public long Dropped { get; private set; }

    public void Add(Metrics metrics) => Add(metrics.Sequence, metrics);

    public void Add(Validation validation) => Add(validation.Sequence, validation);

    /// <summary>Copies the oldest reports into a request, leaves them in the queue, and gives the sequence of the last one.</summary>
    public long CopyTo(ReportRequest request, int limit)
    {
        var last = 0L;
        lock (_lock)
        {
            foreach (var (sequence, report) in _reports.Take(limit))
            {
                last = sequence;
                if (report is Metrics metrics)
                {
                    request.Metrics.Add(metrics);
                }
                else
                {
                    request.Validations.Add((Validation)report);
                }
            }
        }

        return last;
    }

    /// <summary>Removes what the coordinator has.</summary>
    public void RemoveThrough(long sequence)
    {
        lock (_lock)
        {
            while (_reports.TryPeek(out var oldest) && oldest.Sequence <= sequence)
            {
                _reports.Dequeue();
            }
        }
    }

    private void Add(long sequence, IMessage report)
    {
        lock (_lock)
        {
            if (_reports.Count == capacity)
            {
                _reports.Dequeue();
                Dropped++;
            }

            _reports.Enqueue((sequence, report));
        }

        News.Pulse();
    }
}
