using System.Diagnostics;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// The last operations of a communicator, in memory of its own or on the machine's board. Written by the communicator's thread,
/// read by any. Writing allocates nothing.
/// </summary>
internal sealed unsafe class CollectiveLog
{
    /// <summary>How many operations a report shows.</summary>
    public const int Shown = 10;

    // Keeps the memory of a log that is not on a board.
    private readonly byte[]? _memory;
    private readonly BoardTable* _table;
    private string? _purposeText;
    private PurposeText _purpose;
    private int _index = -1;

    /// <summary>A log that only this process sees.</summary>
    public CollectiveLog()
    {
        _memory = GC.AllocateArray<byte>(BoardLayout.TableBytes, pinned: true);
        fixed (byte* start = _memory)
        {
            _table = (BoardTable*)start;
        }
    }

    /// <summary>A log in a table of a board.</summary>
    public CollectiveLog(BoardTable* table) => _table = table;

    /// <summary>The number of the collective entered last.</summary>
    public long Sequence => Volatile.Read(ref _table->Newest);

    /// <summary>The operation begun last.</summary>
    public BoardRecord Last => *BoardLayout.Record(_table, _table->Written);

    /// <summary>Says what the operations from now on are for.</summary>
    public void Label(string? purpose, int index)
    {
        if (!ReferenceEquals(purpose, _purposeText))
        {
            _purposeText = purpose;
            _purpose = PurposeText.Of(purpose ?? "");
        }

        _index = index;
    }

    public void Begin(OperationCode code, long bytes)
    {
        var count = _table->Written + 1;
        var record = BoardLayout.Record(_table, count);
        Volatile.Write(ref record->Version, (2 * count) - 1);
        Interlocked.MemoryBarrier();
        record->Sequence = _table->Newest + (code.IsCollective ? 1 : 0);
        record->Bytes = bytes;
        record->Started = Stopwatch.GetTimestamp();
        record->Ended = 0;
        record->Code = code;
        record->Index = _index;
        record->Purpose = _purpose;
        Volatile.Write(ref record->Version, 2 * count);
        Volatile.Write(ref _table->Written, count);
        Volatile.Write(ref _table->Newest, record->Sequence);
    }

    public void Complete() => Volatile.Write(ref BoardLayout.Record(_table, _table->Written)->Ended, Stopwatch.GetTimestamp());

    public CollectiveRecord[] Snapshot() => [.. Recent(_table).TakeLast(Shown).Select(Describe)];

    /// <summary>What can be read of a table, oldest first.</summary>
    public static List<BoardRecord> Recent(BoardTable* table)
    {
        var written = Volatile.Read(ref table->Written);
        var records = new List<BoardRecord>(BoardLayout.Records);
        for (var count = Math.Max(1, written - BoardLayout.Records + 1); count <= written; count++)
        {
            if (BoardLayout.TryRead(table, count, out var record))
            {
                records.Add(record);
            }
        }

        return records;
    }

    public static CollectiveRecord Describe(BoardRecord record) => new(record.Sequence, record.Code.Name, record.Bytes, record.Ended != 0)
    {
        Purpose = PurposeOf(record),
        Age = Stopwatch.GetElapsedTime(record.Started),
        Duration = record.Ended == 0 ? Stopwatch.GetElapsedTime(record.Started) : Stopwatch.GetElapsedTime(record.Started, record.Ended),
    };

    private static string? PurposeOf(BoardRecord record) => record.Purpose.ToString() switch
    {
        "" => null,
        var text when record.Index >= 0 => $"{text} {record.Index}",
        var text => text,
    };
}
