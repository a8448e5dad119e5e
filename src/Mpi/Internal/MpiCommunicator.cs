using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>A communicator of an MPI library: checks and records each operation and has <see cref="MpiChannel"/> do it.</summary>
internal sealed unsafe class MpiCommunicator : ICommunicator
{
    /// <summary>From 1 MiB a float sum as reduce-scatter and all-gather takes a half to a third of the libraries' time.</summary>
    private const int PairwiseSumElements = 1 << 18;

    /// <summary>The number of the communicator that MPI begins with.</summary>
    private const long World = 1;

    private readonly MpiSession _session;
    private readonly RankPlace _place;
    private readonly long _id;
    private nint _handle;
    private MpiChannel _channel;
    private OperationWatch _watch;
    private PairwiseExchange _pairwise;
    private int _busy;

    private MpiCommunicator(MpiSession session, nint handle, RankPlace place, TimeSpan timeout, long id)
    {
        _session = session;
        _handle = handle;
        _place = place;
        _id = id;
        Connect(timeout);
    }

    public int Rank => _place.Rank;

    public int Size => _place.Size;

    public int LocalRank => _place.LocalRank;

    public int LocalSize => _place.LocalSize;

    public string Description =>
        $"rank {Rank} of {Size} ({LocalRank} of {LocalSize} on this machine), {_session.Library.Version} from {_session.Library.Path}";

    public TimeSpan Timeout
    {
        get => _channel.Timeout;
        set
        {
            ArgumentChecks.Timeout(value);
            _channel.Timeout = value;
        }
    }

    public IReadOnlyList<CollectiveRecord> RecentCollectives => _watch.Log.Snapshot();

    /// <summary>The communicator of all ranks. Every rank must open it.</summary>
    public static MpiCommunicator OpenWorld(MpiSession session, RankPlace place)
    {
        var world = new MpiCommunicator(session, session.Library.Abi.World, place, MpiSession.DefaultTimeout, World);
        session.Board = CollectiveBoard.Join(world, place);
        world.Connect(MpiSession.DefaultTimeout);
        return world;
    }

    public void Label(string? purpose, int index = -1) => _watch.Log.Label(purpose, index);

    public void Barrier()
    {
        using var operation = Begin(new(OperationKind.Barrier), 0);
        _channel.Barrier();
        operation.Complete();
    }

    public void Broadcast(Span<byte> data, int root)
    {
        ArgumentChecks.Root(root, Size);
        using var operation = Begin(new(OperationKind.Broadcast, detail: root), data.Length);
        fixed (byte* start = data)
        {
            _channel.Broadcast(start, data.Length, root);
        }

        operation.Complete();
    }

    public void AllReduce(Span<float> data, ReduceOperation operation)
    {
        ArgumentChecks.Operation(operation);
        using var scope = Begin(new(OperationKind.AllReduce, ElementKind.Single, (int)operation), sizeof(float) * (long)data.Length);
        fixed (float* start = data)
        {
            var done = 0L;
            if (operation == ReduceOperation.Sum && data.Length >= PairwiseSumElements && Size > 1)
            {
                var block = data.Length / Size;
                _pairwise.ReduceScatter(start, block, WireFormat.Float32);
                _channel.AllGather(_pairwise, (byte*)start, sizeof(float) * (long)block);
                done = (long)block * Size;
            }

            _channel.AllReduce(start + done, data.Length - done, operation);
        }

        scope.Complete();
    }

    public void AllReduce(Span<double> data, ReduceOperation operation) => AllReduce(data, ElementKind.Double, operation);

    public void AllReduce(Span<long> data, ReduceOperation operation) => AllReduce(data, ElementKind.Int64, operation);

    public void ReduceScatter(Span<float> buffer, WireFormat format = WireFormat.Float32)
    {
        ArgumentChecks.Format(format);
        var block = ArgumentChecks.BlockLength(buffer.Length, Size, nameof(buffer));
        using var operation = Begin(new(OperationKind.ReduceScatter, ElementKind.Single, (int)format), sizeof(float) * (long)buffer.Length);
        fixed (float* start = buffer)
        {
            _pairwise.ReduceScatter(start, block, format);
        }

        operation.Complete();
    }

    public void AllGather(Span<float> buffer)
    {
        var block = ArgumentChecks.BlockLength(buffer.Length, Size, nameof(buffer));
        using var operation = Begin(new(OperationKind.AllGather), sizeof(float) * (long)buffer.Length);
        fixed (float* start = buffer)
        {
            _channel.AllGather(_pairwise, (byte*)start, sizeof(float) * (long)block);
        }

        operation.Complete();
    }

    public void AllGather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        var inPlace = ArgumentChecks.GatherBuffers(own, all, Rank, Size);
        using var operation = Begin(new(OperationKind.AllGather), all.Length);
        if (!inPlace)
        {
            own.CopyTo(all.Slice(Rank * own.Length, own.Length));
        }

        fixed (byte* start = all)
        {
            _channel.AllGather(_pairwise, start, own.Length);
        }

        operation.Complete();
    }

    public byte[][] AllGatherVariable(ReadOnlySpan<byte> own)
    {
        using var operation = Begin(new(OperationKind.AllGatherVariable), own.Length);
        var lengths = new long[Size];
        lengths[Rank] = own.Length;
        fixed (long* start = lengths)
        {
            _channel.AllGather(_pairwise, (byte*)start, sizeof(long));
        }

        var pieces = Array.ConvertAll(lengths, length => new byte[length]);
        own.CopyTo(pieces[Rank]);

        // One broadcast per rank, each straight into its own array: no total that could pass 2^31, and no second copy.
        for (var root = 0; root < Size; root++)
        {
            fixed (byte* start = pieces[root])
            {
                _channel.Broadcast(start, lengths[root], root);
            }
        }

        operation.Complete();
        return pieces;
    }

    public void AllToAll(ReadOnlySpan<float> send, Span<float> receive)
    {
        ArgumentChecks.ExchangeBuffers(send, receive, Size);
        using var operation = Begin(new(OperationKind.AllToAll, ElementKind.Single), sizeof(float) * (long)send.Length);
        var block = send.Length / Size;
        fixed (float* source = send, target = receive)
        {
            if ((long)send.Length * sizeof(float) <= MpiChannel.MaxCallBytes)
            {
                _channel.AllToAll(source, target, block);
            }
            else
            {
                _pairwise.AllToAll((byte*)source, (byte*)target, sizeof(float) * (long)block);
            }
        }

        operation.Complete();
    }

    public void Send(ReadOnlySpan<byte> data, int destination, int tag)
    {
        ArgumentChecks.Tag(tag);
        ArgumentChecks.Peer(destination, Rank, Size);
        using var operation = Begin(new(OperationKind.Send, detail: destination), data.Length);
        byte nothing = 0;
        fixed (byte* start = data)
        {
            var request = _channel.StartSend(start is null ? &nothing : start, data.Length, _channel.ByteType, destination, tag);
            _channel.Wait(&request, "MPI_Isend");
        }

        operation.Complete();
    }

    public int Receive(Span<byte> data, int source, int tag)
    {
        ArgumentChecks.Tag(tag);
        ArgumentChecks.Peer(source, Rank, Size);
        using var operation = Begin(new(OperationKind.Receive, detail: source), data.Length);
        byte nothing = 0;
        var status = stackalloc byte[MpiAbi.StatusSize];
        fixed (byte* start = data)
        {
            var request = _channel.StartReceive(start is null ? &nothing : start, data.Length, _channel.ByteType, source, tag);
            _channel.Wait(&request, "MPI_Irecv", status);
        }

        var count = _channel.ReceivedBytes(status);
        operation.Complete();
        return count;
    }

    public ICommunicator Duplicate()
    {
        using var operation = Begin(new(OperationKind.Duplicate), 0);
        var duplicate = _channel.Duplicate();
        operation.Complete();
        return new MpiCommunicator(_session, duplicate, _place, Timeout, _watch.NextChild());
    }

    [DoesNotReturn]
    public void Abort(int exitCode) => _session.Abort(exitCode);

    /// <summary>
    /// The first communicator waits for all ranks and ends MPI; a duplicate is released. After a failure of MPI nothing is
    /// called, since buffers may still be in use.
    /// </summary>
    public void Dispose()
    {
        var handle = Interlocked.Exchange(ref _handle, 0);
        if (handle == 0 || !_session.IsUsable)
        {
            return;
        }

        // "using" disposes on the way of an exception to the handler that calls Abort. The other ranks do not come to the
        // final barrier then; MPI stays open so that Abort still works.
        if (_id == World && Marshal.GetExceptionPointers() != 0)
        {
            return;
        }

        if (_id == World)
        {
            _handle = handle;
            using (var operation = Begin(new(OperationKind.FinalBarrier), 0))
            {
                _channel.Barrier();
                operation.Complete();
            }

            _handle = 0;
            _session.End(this);
        }
        else
        {
            _watch.Close();
            _channel.Free();
        }

        _pairwise.Dispose();
    }

    [MemberNotNull(nameof(_channel), nameof(_watch), nameof(_pairwise))]
    private void Connect(TimeSpan timeout)
    {
        _watch = new OperationWatch(_session.Board, _place, _id);
        _channel = new MpiChannel(_session, _handle, _place, _watch) { Timeout = timeout };
        _pairwise = new PairwiseExchange(_channel);
    }

    private void AllReduce<T>(Span<T> data, ElementKind element, ReduceOperation operation)
        where T : unmanaged
    {
        ArgumentChecks.Operation(operation);
        using var scope = Begin(new(OperationKind.AllReduce, element, (int)operation), sizeof(T) * (long)data.Length);
        fixed (T* start = data)
        {
            _channel.AllReduce(start, data.Length, operation);
        }

        scope.Complete();
    }

    private Operation Begin(OperationCode code, long bytes)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        _session.ThrowIfUnusable();
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new MpiException(
                MpiError.Unusable, $"{code.Name} was called while another thread uses the same communicator; give each thread its own Duplicate().");
        }

        try
        {
            _watch.Begin(code, bytes);
        }
        catch (MpiException mismatch)
        {
            Volatile.Write(ref _busy, 0);
            throw _channel.Broken(mismatch);
        }

        return new Operation(this);
    }

    /// <summary>Between the begin and the end of one public call.</summary>
    private readonly ref struct Operation(MpiCommunicator owner)
    {
        public void Complete() => owner._watch.Complete();

        public void Dispose() => Volatile.Write(ref owner._busy, 0);
    }
}
