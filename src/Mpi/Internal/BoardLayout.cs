using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// The memory in which one rank says what it does, read by other processes:
/// <code>
///    0  BoardRank      64 bytes  who it is
///   64  communicators 128 bytes  16 communicator ids, 0 = free
///  192  BoardTable    16 x 1088  one for each communicator:
///         0  header    64 bytes  newest collective, operations written
///        64  records  16 x 64    a ring, the last 16 operations
/// </code>
/// One thread writes a table at a time; readers check each record's version before and after.
/// </summary>
internal static unsafe class BoardLayout
{
    public const int Tables = 16;
    public const int Records = 16;
    public const int RankBytes = 64 + (Tables * sizeof(long)) + (Tables * TableBytes);
    public const int TableBytes = 64 + (Records * 64);

    /// <summary>The ids of a rank's communicators.</summary>
    public static long* Communicators(BoardRank* rank) => (long*)((byte*)rank + 64);

    public static BoardTable* Table(BoardRank* rank, int index) => (BoardTable*)((byte*)rank + 192 + (index * TableBytes));

    /// <summary>The place of operation number <paramref name="count"/> in the ring.</summary>
    public static BoardRecord* Record(BoardTable* table, long count) => (BoardRecord*)((byte*)table + 64) + (count % Records);

    /// <summary>Copies a record; false if the ring has moved on or it is being written.</summary>
    public static bool TryRead(BoardTable* table, long count, out BoardRecord copy)
    {
        var record = Record(table, count);
        var before = Volatile.Read(ref record->Version);
        copy = *record;
        Interlocked.MemoryBarrier();
        return before == 2 * count && Volatile.Read(ref record->Version) == before;
    }
}

/// <summary>Who a rank is.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct BoardRank
{
    /// <summary>0 until the rank has written the rest.</summary>
    public int State;
    public int Rank;
    public int ProcessId;

    /// <summary>Set by the first rank of the machine that reports a stall.</summary>
    public int Reported;

    /// <summary>Process ids mean something only to processes of the same namespace.</summary>
    public long ProcessNamespace;
}

/// <summary>The head of a table.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct BoardTable
{
    /// <summary>The number of the collective entered last.</summary>
    public long Newest;

    /// <summary>Operations recorded so far, messages included.</summary>
    public long Written;
}

/// <summary>One operation.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct BoardRecord
{
    /// <summary>Twice the operation's number among all of the table's; odd while it is being written.</summary>
    public long Version;
    public long Sequence;
    public long Bytes;

    /// <summary>In ticks of <see cref="System.Diagnostics.Stopwatch"/>, which all processes of a machine share.</summary>
    public long Started;

    /// <summary>0 while the rank waits in it.</summary>
    public long Ended;
    public OperationCode Code;

    /// <summary>Which of many things of one purpose; -1: none.</summary>
    public int Index;
    public PurposeText Purpose;
}

/// <summary>What an operation is for, in up to 16 ASCII characters.</summary>
[InlineArray(16)]
internal struct PurposeText
{
    private byte _first;

    public static PurposeText Of(string text)
    {
        var purpose = default(PurposeText);
        for (var i = 0; i < Math.Min(text.Length, 16); i++)
        {
            purpose[i] = (byte)text[i];
        }

        return purpose;
    }

    public override readonly string ToString()
    {
        ReadOnlySpan<byte> bytes = this;
        var end = bytes.IndexOf((byte)0);
        return System.Text.Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
