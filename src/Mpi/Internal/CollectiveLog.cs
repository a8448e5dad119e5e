namespace OrtZero.Mpi.Internal;

/// <summary>The last ten operations of a communicator. Written by its thread, read by any.</summary>
internal sealed class CollectiveLog
{
    private const int Capacity = 10;
    private readonly CollectiveRecord[] _records = new CollectiveRecord[Capacity];
    private readonly Lock _lock = new();
    private long _count;

    public void Begin(string name, long bytes)
    {
        lock (_lock)
        {
            _count++;
            _records[_count % Capacity] = new CollectiveRecord(_count, name, bytes, Completed: false);
        }
    }

    public void Complete()
    {
        lock (_lock)
        {
            ref var record = ref _records[_count % Capacity];
            record = record with { Completed = true };
        }
    }

    public CollectiveRecord Last
    {
        get
        {
            lock (_lock)
            {
                return _records[_count % Capacity];
            }
        }
    }

    public CollectiveRecord[] Snapshot()
    {
        lock (_lock)
        {
            var kept = (int)Math.Min(_count, Capacity);
            var copy = new CollectiveRecord[kept];
            for (var i = 0; i < kept; i++)
            {
                copy[i] = _records[(_count - kept + 1 + i) % Capacity];
            }

            return copy;
        }
    }
}
