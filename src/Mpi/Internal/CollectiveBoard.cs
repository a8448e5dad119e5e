using System.IO.MemoryMappedFiles;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Memory shared by the ranks of one machine in which each says what it does, so that any of them can tell where all are even when
/// MPI itself is stuck. The file behind it has no name any more once all have opened it: nothing is left behind, however they end.
/// </summary>
internal sealed unsafe class CollectiveBoard
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _memory;
    private readonly RankPlace _place;
    private readonly Lock _lock = new();

    private CollectiveBoard(MemoryMappedFile file, RankPlace place)
    {
        _file = file;
        _place = place;
        _view = file.CreateViewAccessor();
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _memory);
        var own = Rank(place.LocalRank);
        own->Rank = place.Rank;
        own->ProcessId = Environment.ProcessId;
        own->ProcessNamespace = ProcessState.Namespace;
        Volatile.Write(ref own->State, 1);
    }

    /// <summary>How many ranks the machine has.</summary>
    public int LocalSize => _place.LocalSize;

    /// <summary>Where a rank of this machine writes; its State is 0 if it has no board.</summary>
    public BoardRank* Rank(int localRank) => (BoardRank*)(_memory + ((long)localRank * BoardLayout.RankBytes));

    /// <summary>
    /// Opens the board of this machine. Collective over all ranks of <paramref name="world"/>. Null when there is one rank here, or
    /// where no file can be shared: reports then tell of one rank only.
    /// </summary>
    public static CollectiveBoard? Join(ICommunicator world, RankPlace place)
    {
        var id = Guid.NewGuid().ToByteArray();
        world.Broadcast(id, root: 0);
        var folder = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        var path = Path.Combine(folder, $"ortzero-{Convert.ToHexStringLower(id)}-{Environment.MachineName}");
        var board = place is { LocalRank: 0, LocalSize: > 1 } ? Open(path, FileMode.CreateNew, place) : null;
        world.Barrier();
        board ??= place.LocalSize > 1 ? Open(path, FileMode.Open, place) : null;
        world.Barrier();
        if (place.LocalRank == 0 && board is not null)
        {
            File.Delete(path);
        }

        return board;
    }

    /// <summary>Makes room for a communicator; null when there are too many to show.</summary>
    public CollectiveLog? Add(long communicator)
    {
        lock (_lock)
        {
            var own = Rank(_place.LocalRank);
            var ids = new Span<long>(BoardLayout.Communicators(own), BoardLayout.Tables);
            var index = ids.IndexOf(0);
            if (index < 0)
            {
                return null;
            }

            var table = BoardLayout.Table(own, index);
            new Span<byte>(table, BoardLayout.TableBytes).Clear();
            Interlocked.MemoryBarrier();
            ids[index] = communicator;
            return new CollectiveLog(table);
        }
    }

    /// <summary>A communicator is gone.</summary>
    public void Remove(long communicator)
    {
        lock (_lock)
        {
            var ids = new Span<long>(BoardLayout.Communicators(Rank(_place.LocalRank)), BoardLayout.Tables);
            if (ids.IndexOf(communicator) is >= 0 and var index)
            {
                ids[index] = 0;
            }
        }
    }

    /// <summary>The table of a communicator of another rank, or null.</summary>
    public BoardTable* Find(int localRank, long communicator)
    {
        var rank = Rank(localRank);
        var index = new Span<long>(BoardLayout.Communicators(rank), BoardLayout.Tables).IndexOf(communicator);
        return index < 0 ? null : BoardLayout.Table(rank, index);
    }

    /// <summary>Whether this rank is the first of the machine to report a stall.</summary>
    public bool ClaimReport() => Interlocked.Exchange(ref Rank(0)->Reported, 1) == 0;

    /// <summary>Whether the process of a rank of this machine is gone; false where that cannot be seen.</summary>
    public bool IsGone(int localRank)
    {
        var rank = Rank(localRank);
        return Volatile.Read(ref rank->State) != 0 && rank->ProcessNamespace == ProcessState.Namespace && ProcessState.IsGone(rank->ProcessId);
    }

    private static CollectiveBoard? Open(string path, FileMode mode, RankPlace place)
    {
        try
        {
            var stream = new FileStream(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            var length = (long)place.LocalSize * BoardLayout.RankBytes;
            return new CollectiveBoard(
                MemoryMappedFile.CreateFromFile(stream, null, length, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false), place);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Training does not need it; a report of a stall will show fewer ranks.
            return null;
        }
    }
}
