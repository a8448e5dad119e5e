using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Collectives on large buffers by pairwise exchange: in step d a rank sends to rank + d and receives from rank - d. Each
/// moves the least possible bytes. The reduce-scatter adds in place, a piece at a time, through a few small buffers that stay in
/// cache, where MPI's own allocates temporaries as large as the message (and leaves its result at the start of the buffer).
/// </summary>
internal sealed unsafe class PairwiseExchange(MpiCommunicator communicator) : IDisposable
{
    /// <summary>The tag of all messages here, above every tag of a user's message.</summary>
    private const int Tag = ICommunicator.MaxTag + 1;

    /// <summary>Messages on their way at a time.</summary>
    private const int Window = 4;

    private float* _pieces;
    private int _pieceElements;

    /// <summary>Elements per message of a reduce-scatter: 256 KiB, so that all receive buffers fit a second-level cache. Tests make it small.</summary>
    internal static int PieceElements { get; set; } = 1 << 16;

    /// <summary>Sums block <c>communicator.Rank</c> of all ranks' buffers into this rank's.</summary>
    /// <param name="buffer">Size blocks, pinned.</param>
    /// <param name="block">Elements in a block.</param>
    public void ReduceScatter(float* buffer, int block)
    {
        var (rank, size) = (communicator.Rank, communicator.Size);
        if (size == 1 || block == 0)
        {
            return;
        }

        if (_pieces is null)
        {
            _pieceElements = PieceElements;
            _pieces = (float*)NativeMemory.AlignedAlloc((nuint)Window * (nuint)_pieceElements * sizeof(float), 64);
        }

        var own = buffer + ((long)rank * block);
        var perStep = (int)(((long)block + _pieceElements - 1) / _pieceElements);
        var total = (long)perStep * (size - 1);
        var receives = stackalloc nint[Window];
        var sends = stackalloc nint[Window];
        for (var k = 0L; k < Math.Min(Window, total); k++)
        {
            StartReceive(k);
            StartSend(k);
        }

        for (var k = 0L; k < total; k++)
        {
            var slot = (int)(k % Window);
            communicator.Wait(receives + slot, "MPI_Irecv");
            var (offset, count) = Piece(k);
            var sum = new Span<float>(own + offset, count);
            TensorPrimitives.Add(sum, new ReadOnlySpan<float>(_pieces + ((long)slot * _pieceElements), count), sum);
            if (k + Window < total)
            {
                StartReceive(k + Window);
            }

            communicator.Wait(sends + slot, "MPI_Isend");
            if (k + Window < total)
            {
                StartSend(k + Window);
            }
        }

        void StartReceive(long k)
        {
            var origin = (rank - (int)(k / perStep) - 1 + size) % size;
            var slot = k % Window;
            receives[slot] = communicator.StartReceive(
                _pieces + (slot * _pieceElements), Piece(k).Count, communicator.FloatType, origin, Tag);
        }

        void StartSend(long k)
        {
            var destination = (rank + (int)(k / perStep) + 1) % size;
            var (offset, count) = Piece(k);
            sends[k % Window] = communicator.StartSend(
                buffer + ((long)destination * block) + offset, count, communicator.FloatType, destination, Tag);
        }

        (long Offset, int Count) Piece(long k)
        {
            var offset = k % perStep * _pieceElements;
            return (offset, (int)Math.Min(_pieceElements, block - offset));
        }
    }

    /// <summary>Sends this rank's block of the buffer to all and fills the other blocks from theirs.</summary>
    public void AllGather(byte* buffer, long blockBytes)
    {
        var own = buffer + (communicator.Rank * blockBytes);
        for (var distance = 1; distance < communicator.Size; distance++)
        {
            var (destination, origin) = Partners(distance);
            Exchange(own, buffer + (origin * blockBytes), blockBytes, destination, origin);
        }
    }

    /// <summary>Block r of <paramref name="source"/> goes to rank r, whose block arrives in block r of <paramref name="target"/>.</summary>
    public void AllToAll(byte* source, byte* target, long blockBytes)
    {
        var own = communicator.Rank * blockBytes;
        Buffer.MemoryCopy(source + own, target + own, blockBytes, blockBytes);
        for (var distance = 1; distance < communicator.Size; distance++)
        {
            var (destination, origin) = Partners(distance);
            Exchange(source + (destination * blockBytes), target + (origin * blockBytes), blockBytes, destination, origin);
        }
    }

    /// <summary>Frees the receive buffers.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_pieces);
        _pieces = null;
    }

    private (int Destination, int Origin) Partners(int distance) =>
        ((communicator.Rank + distance) % communicator.Size, (communicator.Rank - distance + communicator.Size) % communicator.Size);

    private void Exchange(byte* source, byte* target, long bytes, int destination, int origin)
    {
        for (var done = 0L; done < bytes; done += MpiCommunicator.MaxCallBytes)
        {
            var count = (int)Math.Min(MpiCommunicator.MaxCallBytes, bytes - done);
            var incoming = communicator.StartReceive(target + done, count, communicator.ByteType, origin, Tag);
            var outgoing = communicator.StartSend(source + done, count, communicator.ByteType, destination, Tag);
            communicator.Wait(&incoming, "MPI_Irecv");
            communicator.Wait(&outgoing, "MPI_Isend");
        }
    }
}
