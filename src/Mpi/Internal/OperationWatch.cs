using System.Text;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Records the operations of one communicator where the other ranks of the machine see them, compares them with theirs, and says who
/// is where when something is wrong.
/// </summary>
/// <remarks>
/// Ranks form a ring, and each compares with its two neighbors when it enters a collective. If any two ranks of the machine disagree,
/// some two neighbors do, and the later of these sees the record of the earlier: both write before they look.
/// </remarks>
internal sealed unsafe class OperationWatch
{
    /// <summary>How long a rank waits after its own report for those of other machines, before its exception may end the run.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly CollectiveBoard? _board;
    private readonly RankPlace _place;
    private readonly long _communicator;
    private readonly CollectiveLog _log;
    private long _children;

    public OperationWatch(CollectiveBoard? board, RankPlace place, long communicator)
    {
        _board = board;
        _place = place;
        _communicator = communicator;
        _log = board?.Add(communicator) ?? new CollectiveLog();
    }

    public CollectiveLog Log => _log;

    /// <summary>The number of the next duplicate: the same on every rank, since all make the same duplicates.</summary>
    public long NextChild() => (_communicator * 16) + ++_children;

    /// <summary>Records an operation that begins now.</summary>
    /// <exception cref="MpiException">A neighbor on this machine does something else at this point.</exception>
    public void Begin(OperationCode code, long bytes)
    {
        _log.Begin(code, bytes);
        if (_board is null || !code.IsCollective)
        {
            return;
        }

        Interlocked.MemoryBarrier();
        Compare(code, bytes, (_place.LocalRank + 1) % _place.LocalSize);
        Compare(code, bytes, (_place.LocalRank + _place.LocalSize - 1) % _place.LocalSize);
    }

    public void Complete() => _log.Complete();

    /// <summary>Forgets the communicator.</summary>
    public void Close() => _board?.Remove(_communicator);

    /// <summary>While waiting, every half second or so: whether the next rank of the machine still lives.</summary>
    /// <param name="suspected">False at first; a rank that ended well may have done so after it answered, so only the second look
    /// counts.</param>
    public void CheckNeighbor(ref bool suspected)
    {
        var neighbor = (_place.LocalRank + 1) % _place.LocalSize;
        if (_board is null || !_board.IsGone(neighbor))
        {
            return;
        }

        if (suspected)
        {
            throw new MpiException(
                MpiError.RankLost,
                $"Rank {_board.Rank(neighbor)->Rank} (process {_board.Rank(neighbor)->ProcessId}) has ended while rank {_place.Rank} waits in {Describe(_log.Last)}: look for what it printed last, or for the system's out-of-memory killer.{Report()}");
        }

        suspected = true;
    }

    /// <summary>What to throw when the deadline has passed.</summary>
    public MpiException TimedOut(TimeSpan timeout)
    {
        var last = _log.Last;
        var message = FormattableString.Invariant(
            $"Rank {_place.Rank} of {_place.Size} waited {timeout.TotalSeconds:0.###} s in {Describe(last)}, and {Missing(last)}; if that can take longer, raise zero_optimization.collective_timeout_seconds.{Report()}");
        if (_place.LocalSize < _place.Size)
        {
            ShowHere(message);
        }

        return new MpiException(MpiError.TimedOut, message);
    }

    /// <summary>The last operations of every rank of this machine, one line each, beginning with a line break.</summary>
    public string Report()
    {
        var text = new StringBuilder();
        if (_board is null)
        {
            text.Append("\nThe last operations of this rank:");
            foreach (var record in _log.Snapshot())
            {
                text.Append("\n    ").Append(record);
            }

            return text.ToString();
        }

        text.Append("\nThe last operations of each rank").Append(_place.LocalSize < _place.Size ? $" of {Environment.MachineName}:" : ":");
        for (var localRank = 0; localRank < _board.LocalSize; localRank++)
        {
            var rank = _board.Rank(localRank);
            if (Volatile.Read(ref rank->State) == 0)
            {
                text.Append("\n  another rank, which could not open the shared file");
                continue;
            }

            text.Append("\n  rank ").Append(rank->Rank).Append(", process ").Append(rank->ProcessId)
                .Append(_board.IsGone(localRank) ? ", which has ended:" : ":");
            foreach (var (communicator, record) in Recent(rank))
            {
                text.Append("\n    ").Append(CollectiveLog.Describe(record)).Append(communicator == 1 ? "" : $" [communicator {communicator}]");
            }
        }

        return text.ToString();
    }

    // Of all communicators of the rank, by the time at which they began.
    private static IEnumerable<(long Communicator, BoardRecord Record)> Recent(BoardRank* rank)
    {
        var all = new List<(long Communicator, BoardRecord Record)>();
        for (var index = 0; index < BoardLayout.Tables; index++)
        {
            var communicator = Volatile.Read(ref BoardLayout.Communicators(rank)[index]);
            if (communicator != 0)
            {
                all.AddRange(CollectiveLog.Recent(BoardLayout.Table(rank, index)).Select(record => (communicator, record)));
            }
        }

        return all.OrderBy(entry => entry.Record.Started).TakeLast(CollectiveLog.Shown);
    }

    private static string Describe(in BoardRecord record) => $"{record.Code.Name} #{record.Sequence} ({record.Bytes} bytes)";

    private void Compare(OperationCode code, long bytes, int neighbor)
    {
        var table = neighbor == _place.LocalRank ? null : _board!.Find(neighbor, _communicator);
        var sequence = _log.Sequence;
        if (table is null || Volatile.Read(ref table->Newest) < sequence || !TryFind(table, sequence, out var theirs))
        {
            return;
        }

        if (theirs.Code != code || (code.HasEqualLengths && theirs.Bytes != bytes))
        {
            throw new MpiException(
                MpiError.Mismatch,
                $"Rank {_place.Rank} calls {code.Name} with {bytes} bytes where rank {_board!.Rank(neighbor)->Rank} calls {theirs.Code.Name} with {theirs.Bytes} bytes (operation {sequence} of the communicator): ranks must make the same calls, so start all of them with the same program, configuration and model.{Report()}");
        }
    }

    private static bool TryFind(BoardTable* table, long sequence, out BoardRecord record)
    {
        var written = Volatile.Read(ref table->Written);
        for (var count = written; count > Math.Max(0, written - BoardLayout.Records); count--)
        {
            if (BoardLayout.TryRead(table, count, out record) && record.Sequence == sequence && record.Code.IsCollective)
            {
                return true;
            }
        }

        record = default;
        return false;
    }

    private string Missing(in BoardRecord last)
    {
        var absent = new List<string>();
        for (var localRank = 0; _board is not null && last.Code.IsCollective && localRank < _board.LocalSize; localRank++)
        {
            var table = _board.Find(localRank, _communicator);
            if (localRank != _place.LocalRank && Volatile.Read(ref _board.Rank(localRank)->State) != 0 && (table is null || Volatile.Read(ref table->Newest) < last.Sequence))
            {
                absent.Add($"{_board.Rank(localRank)->Rank}");
            }
        }

        return absent.Count switch
        {
            0 when _board is not null && last.Code.IsCollective && _place.LocalSize == _place.Size => "every rank has come to it, so MPI itself or the machine is stuck",
            0 => "other ranks did not join: one of them is stuck, far behind, or in a different operation",
            1 => $"rank {absent[0]} has not come to it: it is stuck or far behind",
            _ => $"ranks {string.Join(", ", absent)} have not come to it: they are stuck or far behind",
        };
    }

    // The first exception ends the run everywhere, so each machine tells its part before.
    private void ShowHere(string message)
    {
        if (_board?.ClaimReport() ?? true)
        {
            Console.Error.WriteLine(message);
            Console.Error.Flush();
        }

        Thread.Sleep(s_patience);
    }
}
