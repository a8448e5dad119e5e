using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>A communicator of an MPI library. Every call is MPI's nonblocking one, polled with <see cref="Backoff"/>.</summary>
internal sealed unsafe class MpiCommunicator : ICommunicator
{
    /// <summary>From this block size an all-gather by pairs beats the libraries' own.</summary>
    private const int PairwiseGatherBytes = 64 << 10;

    /// <summary>From 1 MiB a float sum as reduce-scatter and all-gather takes a half to a third of the libraries' time.</summary>
    private const int PairwiseSumElements = 1 << 18;

    private readonly MpiSession _session;
    private readonly MpiLibrary _library;
    private readonly MpiAbi _abi;
    private readonly RankPlace _place;
    private readonly bool _isWorld;
    private readonly CollectiveLog _log = new();
    private readonly PairwiseExchange _pairwise;
    private nint _handle;
    private TimeSpan _timeout;
    private int _busy;

    public MpiCommunicator(MpiSession session, nint handle, RankPlace place, TimeSpan timeout, bool isWorld)
    {
        _session = session;
        _library = session.Library;
        _abi = session.Library.Abi;
        _handle = handle;
        _place = place;
        _timeout = timeout;
        _isWorld = isWorld;
        _pairwise = new PairwiseExchange(this);
    }

    public int Rank => _place.Rank;

    public int Size => _place.Size;

    public int LocalRank => _place.LocalRank;

    public int LocalSize => _place.LocalSize;

    public string Description =>
        $"rank {Rank} of {Size} ({LocalRank} of {LocalSize} on this machine), {_library.Version} from {_library.Path}";

    public TimeSpan Timeout
    {
        get => _timeout;
        set
        {
            ArgumentChecks.Timeout(value);
            _timeout = value;
        }
    }

    public IReadOnlyList<CollectiveRecord> RecentCollectives => _log.Snapshot();

    /// <summary>
    /// The most bytes that one MPI call moves. MPI counts are 32-bit, and its temporary buffers are as large as the message.
    /// Tests make it small.
    /// </summary>
    internal static int MaxCallBytes { get; set; } = 256 << 20;

    public void Barrier()
    {
        using var operation = Begin("barrier", 0);
        FullBarrier();
        operation.Complete();
    }

    public void Broadcast(Span<byte> data, int root)
    {
        ArgumentChecks.Root(root, Size);
        using var operation = Begin("broadcast", data.Length);
        fixed (byte* start = data)
        {
            BroadcastPieces(start, data.Length, root);
        }

        operation.Complete();
    }

    public void AllReduce(Span<float> data, ReduceOperation operation) => AllReduce(data, operation, _abi.Float);

    public void AllReduce(Span<double> data, ReduceOperation operation) => AllReduce(data, operation, _abi.Double);

    public void AllReduce(Span<long> data, ReduceOperation operation) => AllReduce(data, operation, _abi.Int64);

    public void ReduceScatter(Span<float> buffer)
    {
        var block = ArgumentChecks.BlockLength(buffer.Length, Size, nameof(buffer));
        using var operation = Begin("reduce-scatter", sizeof(float) * (long)buffer.Length);
        fixed (float* start = buffer)
        {
            _pairwise.ReduceScatter(start, block);
        }

        operation.Complete();
    }

    public void AllGather(Span<float> buffer)
    {
        var block = ArgumentChecks.BlockLength(buffer.Length, Size, nameof(buffer));
        using var operation = Begin("all-gather", sizeof(float) * (long)buffer.Length);
        fixed (float* start = buffer)
        {
            GatherInPlace((byte*)start, sizeof(float) * (long)block);
        }

        operation.Complete();
    }

    public void AllGather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        var inPlace = ArgumentChecks.GatherBuffers(own, all, Rank, Size);
        using var operation = Begin("all-gather", all.Length);
        if (!inPlace)
        {
            own.CopyTo(all.Slice(Rank * own.Length, own.Length));
        }

        fixed (byte* start = all)
        {
            GatherInPlace(start, own.Length);
        }

        operation.Complete();
    }

    public byte[][] AllGatherVariable(ReadOnlySpan<byte> own)
    {
        using var operation = Begin("all-gather variable", own.Length);
        var lengths = new long[Size];
        lengths[Rank] = own.Length;
        fixed (long* start = lengths)
        {
            GatherInPlace((byte*)start, sizeof(long));
        }

        var pieces = Array.ConvertAll(lengths, length => new byte[length]);
        own.CopyTo(pieces[Rank]);

        // One broadcast per rank, each straight into its own array: no total that could pass 2^31, and no second copy.
        for (var root = 0; root < Size; root++)
        {
            fixed (byte* start = pieces[root])
            {
                BroadcastPieces(start, lengths[root], root);
            }
        }

        operation.Complete();
        return pieces;
    }

    public void AllToAll(ReadOnlySpan<float> send, Span<float> receive)
    {
        ArgumentChecks.ExchangeBuffers(send, receive, Size);
        using var operation = Begin("all-to-all", sizeof(float) * (long)send.Length);
        var block = send.Length / Size;
        fixed (float* source = send, target = receive)
        {
            if ((long)send.Length * sizeof(float) <= MaxCallBytes)
            {
                nint request = _abi.RequestNull;
                _library.Check(
                    _library.Ialltoall(source, block, _abi.Float, target, block, _abi.Float, _handle, &request), "MPI_Ialltoall");
                Wait(&request, "MPI_Ialltoall");
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
        using var operation = Begin("send", data.Length);
        byte nothing = 0;
        fixed (byte* start = data)
        {
            var request = StartSend(start is null ? &nothing : start, data.Length, _abi.Byte, destination, tag);
            Wait(&request, "MPI_Isend");
        }

        operation.Complete();
    }

    public int Receive(Span<byte> data, int source, int tag)
    {
        ArgumentChecks.Tag(tag);
        ArgumentChecks.Peer(source, Rank, Size);
        using var operation = Begin("receive", data.Length);
        byte nothing = 0;
        int count;
        var status = stackalloc byte[MpiAbi.StatusSize];
        fixed (byte* start = data)
        {
            var request = StartReceive(start is null ? &nothing : start, data.Length, _abi.Byte, source, tag);
            Wait(&request, "MPI_Irecv", status);
        }

        _library.Check(_library.GetCount(status, _abi.Byte, &count), "MPI_Get_count");
        operation.Complete();
        return count;
    }

    public ICommunicator Duplicate()
    {
        using var operation = Begin("duplicate", 0);
        nint request = _abi.RequestNull;

        // MPI writes the new handle when the request completes, and MPICH's handles are 32-bit: the upper half must be zero.
        nint duplicate = 0;
        _library.Check(_library.CommIdup(_handle, &duplicate, &request), "MPI_Comm_idup");
        Wait(&request, "MPI_Comm_idup");
        operation.Complete();
        return new MpiCommunicator(_session, duplicate, _place, _timeout, isWorld: false);
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
        if (_isWorld && Marshal.GetExceptionPointers() != 0)
        {
            return;
        }

        if (_isWorld)
        {
            _handle = handle;
            using (var operation = Begin("final barrier", 0))
            {
                FullBarrier();
                operation.Complete();
            }

            _handle = 0;
            _session.End(this);
        }
        else
        {
            _library.Check(_library.CommFree(&handle), "MPI_Comm_free");
        }

        _pairwise.Dispose();
    }

    internal nint StartSend(void* data, int count, nint type, int destination, int tag)
    {
        var request = _abi.RequestNull;
        _library.Check(_library.Isend(data, count, type, destination, tag, _handle, &request), "MPI_Isend");
        return request;
    }

    internal nint StartReceive(void* data, int count, nint type, int source, int tag)
    {
        var request = _abi.RequestNull;
        _library.Check(_library.Irecv(data, count, type, source, tag, _handle, &request), "MPI_Irecv");
        return request;
    }

    internal nint FloatType => _abi.Float;

    internal nint ByteType => _abi.Byte;

    /// <summary>Polls until the request is complete.</summary>
    internal void Wait(nint* request, string call, byte* status = null)
    {
        var unused = stackalloc byte[MpiAbi.StatusSize];
        status = status is null ? unused : status;
        var backoff = new Backoff(_timeout);
        while (true)
        {
            int done;
            _library.Check(_library.Test(request, &done, status), call);
            if (done != 0)
            {
                return;
            }

            if (!backoff.Pause())
            {
                throw TimedOut();
            }

            _session.ThrowIfUnusable();
        }
    }

    private void FullBarrier()
    {
        nint request = _abi.RequestNull;
        _library.Check(_library.Ibarrier(_handle, &request), "MPI_Ibarrier");
        Wait(&request, "MPI_Ibarrier");
    }

    private void BroadcastPieces(byte* start, long length, int root)
    {
        for (var done = 0L; done < length; done += MaxCallBytes)
        {
            nint request = _abi.RequestNull;
            var count = (int)Math.Min(MaxCallBytes, length - done);
            _library.Check(_library.Ibcast(start + done, count, _abi.Byte, root, _handle, &request), "MPI_Ibcast");
            Wait(&request, "MPI_Ibcast");
        }
    }

    private void AllReduce<T>(Span<T> data, ReduceOperation operation, nint type)
        where T : unmanaged
    {
        ArgumentChecks.Operation(operation);
        using var scope = Begin("all-reduce", sizeof(T) * (long)data.Length);
        var step = MaxCallBytes / sizeof(T);
        fixed (T* start = data)
        {
            var done = 0L;
            if (typeof(T) == typeof(float) && operation == ReduceOperation.Sum && data.Length >= PairwiseSumElements && Size > 1)
            {
                var block = data.Length / Size;
                _pairwise.ReduceScatter((float*)start, block);
                GatherInPlace((byte*)start, sizeof(float) * (long)block);
                done = (long)block * Size;
            }

            for (var offset = done; offset < data.Length; offset += step)
            {
                nint request = _abi.RequestNull;
                var count = (int)Math.Min(step, data.Length - offset);
                _library.Check(
                    _library.Iallreduce((void*)_abi.InPlace, start + offset, count, type, _abi.Operation(operation), _handle, &request),
                    "MPI_Iallreduce");
                Wait(&request, "MPI_Iallreduce");
            }
        }

        scope.Complete();
    }

    private void GatherInPlace(byte* start, long blockBytes)
    {
        if (blockBytes == 0)
        {
            return;
        }

        if (blockBytes >= Math.Min(PairwiseGatherBytes, MaxCallBytes))
        {
            _pairwise.AllGather(start, blockBytes);
            return;
        }

        nint request = _abi.RequestNull;
        var count = (int)blockBytes;
        _library.Check(
            _library.Iallgather((void*)_abi.InPlace, 0, _abi.Byte, start, count, _abi.Byte, _handle, &request), "MPI_Iallgather");
        Wait(&request, "MPI_Iallgather");
    }

    private MpiException TimedOut()
    {
        var last = _log.Last;
        var message = FormattableString.Invariant(
            $"Rank {Rank} of {Size} waited {_timeout.TotalSeconds:0.###} s in {last.Name} #{last.Sequence} ({last.Bytes} bytes) and other ranks did not join: ")
            + "one of them is stuck, far behind, or in a different operation; compare with theirs. The last operations of this rank: "
            + string.Join(", ", _log.Snapshot()) + ".";
        _session.Fail(message);
        return new MpiException(MpiError.TimedOut, message);
    }

    private Operation Begin(string name, long bytes)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        _session.ThrowIfUnusable();
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new MpiException(
                MpiError.Unusable, $"{name} was called while another thread uses the same communicator; give each thread its own Duplicate().");
        }

        _log.Begin(name, bytes);
        return new Operation(this);
    }

    /// <summary>Between the begin and the end of one public call.</summary>
    private readonly ref struct Operation(MpiCommunicator owner)
    {
        public void Complete() => owner._log.Complete();

        public void Dispose() => Volatile.Write(ref owner._busy, 0);
    }
}
