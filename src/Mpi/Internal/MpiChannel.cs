namespace OrtZero.Mpi.Internal;

/// <summary>
/// The calls of MPI on one communicator handle. Each is MPI's nonblocking one, polled with <see cref="Backoff"/> until it is complete,
/// the deadline has passed or another rank is gone.
/// </summary>
internal sealed unsafe class MpiChannel(MpiSession session, nint handle, RankPlace place, OperationWatch watch)
{
    /// <summary>From this block size an all-gather by pairs beats the libraries' own.</summary>
    private const int PairwiseGatherBytes = 64 << 10;

    private readonly MpiLibrary _library = session.Library;
    private readonly MpiAbi _abi = session.Library.Abi;

    /// <summary>
    /// The most bytes that one MPI call moves. MPI counts are 32-bit, and its temporary buffers are as large as the message.
    /// Tests make it small.
    /// </summary>
    public static int MaxCallBytes { get; set; } = 256 << 20;

    public int Rank => place.Rank;

    public int Size => place.Size;

    public TimeSpan Timeout { get; set; }

    public nint FloatType => _abi.Float;

    public nint ByteType => _abi.Byte;

    public nint StartSend(void* data, int count, nint type, int destination, int tag)
    {
        var request = _abi.RequestNull;
        Check(_library.Isend(data, count, type, destination, tag, handle, &request), "MPI_Isend");
        return request;
    }

    public nint StartReceive(void* data, int count, nint type, int source, int tag)
    {
        var request = _abi.RequestNull;
        Check(_library.Irecv(data, count, type, source, tag, handle, &request), "MPI_Irecv");
        return request;
    }

    /// <summary>Polls until the request is complete.</summary>
    public void Wait(nint* request, string call, byte* status = null)
    {
        var unused = stackalloc byte[MpiAbi.StatusSize];
        status = status is null ? unused : status;
        var backoff = new Backoff(Timeout);
        var suspected = false;
        while (true)
        {
            int done;
            Check(_library.Test(request, &done, status), call);
            if (done != 0)
            {
                return;
            }

            if (!backoff.Pause(out var look))
            {
                throw Broken(watch.TimedOut(Timeout));
            }

            if (look)
            {
                try
                {
                    watch.CheckNeighbor(ref suspected);
                }
                catch (MpiException lost)
                {
                    throw Broken(lost);
                }
            }

            session.ThrowIfUnusable();
        }
    }

    /// <summary>The bytes of the message that a status tells of.</summary>
    public int ReceivedBytes(byte* status)
    {
        int count;
        Check(_library.GetCount(status, _abi.Byte, &count), "MPI_Get_count");
        return count;
    }

    public void Barrier()
    {
        var request = _abi.RequestNull;
        Check(_library.Ibarrier(handle, &request), "MPI_Ibarrier");
        Wait(&request, "MPI_Ibarrier");
    }

    public void Broadcast(byte* start, long length, int root)
    {
        for (var done = 0L; done < length; done += MaxCallBytes)
        {
            var request = _abi.RequestNull;
            var count = (int)Math.Min(MaxCallBytes, length - done);
            Check(_library.Ibcast(start + done, count, _abi.Byte, root, handle, &request), "MPI_Ibcast");
            Wait(&request, "MPI_Ibcast");
        }
    }

    public void AllReduce<T>(T* start, long length, ReduceOperation operation)
        where T : unmanaged
    {
        var type = typeof(T) == typeof(float) ? _abi.Float : typeof(T) == typeof(double) ? _abi.Double : _abi.Int64;
        var step = MaxCallBytes / sizeof(T);
        for (var offset = 0L; offset < length; offset += step)
        {
            var request = _abi.RequestNull;
            var count = (int)Math.Min(step, length - offset);
            Check(
                _library.Iallreduce((void*)_abi.InPlace, start + offset, count, type, _abi.Operation(operation), handle, &request),
                "MPI_Iallreduce");
            Wait(&request, "MPI_Iallreduce");
        }
    }

    public void AllToAll(float* source, float* target, int block)
    {
        var request = _abi.RequestNull;
        Check(_library.Ialltoall(source, block, _abi.Float, target, block, _abi.Float, handle, &request), "MPI_Ialltoall");
        Wait(&request, "MPI_Ialltoall");
    }

    /// <summary>Gathers the ranks' blocks; this rank's lies where it belongs.</summary>
    public void AllGather(PairwiseExchange pairwise, byte* start, long blockBytes)
    {
        if (blockBytes >= Math.Min(PairwiseGatherBytes, MaxCallBytes))
        {
            pairwise.AllGather(start, blockBytes);
        }
        else if (blockBytes > 0)
        {
            var request = _abi.RequestNull;
            var count = (int)blockBytes;
            Check(_library.Iallgather((void*)_abi.InPlace, 0, _abi.Byte, start, count, _abi.Byte, handle, &request), "MPI_Iallgather");
            Wait(&request, "MPI_Iallgather");
        }
    }

    public nint Duplicate()
    {
        var request = _abi.RequestNull;

        // MPI writes the new handle when the request completes, and MPICH's handles are 32-bit: the upper half must be zero.
        nint duplicate = 0;
        Check(_library.CommIdup(handle, &duplicate, &request), "MPI_Comm_idup");
        Wait(&request, "MPI_Comm_idup");
        return duplicate;
    }

    public void Free()
    {
        var freed = handle;
        Check(_library.CommFree(&freed), "MPI_Comm_free");
    }

    /// <summary>Remembers that MPI cannot be used any more, and why.</summary>
    public MpiException Broken(MpiException failure)
    {
        session.Fail(failure.Message);
        return failure;
    }

    // An error of MPI is often what a mismatch with a rank of another machine looks like.
    private void Check(int code, string call)
    {
        if (code != 0)
        {
            throw new MpiException(MpiError.CallFailed, _library.FailureText(code, call) + (Size > 1 ? watch.Report() : ""));
        }
    }
}
