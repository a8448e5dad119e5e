using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Reduce-scatter by pairwise exchange: in step d a rank sends the block of rank + d to it and adds what rank - d sends to its
/// own block, in place, a piece at a time. It moves the least possible bytes and keeps two small receive buffers in cache,
/// where MPI's own allocates temporaries as large as the message (and leaves the result at the start of the buffer).
/// </summary>
internal sealed unsafe class PairwiseReduceScatter(MpiCommunicator communicator) : IDisposable
{
    /// <summary>Above every tag of a user's message.</summary>
    public const int Tag = ICommunicator.MaxTag + 1;

    private const int Window = 4;

    /// <summary>Elements per message: 1 MiB.</summary>
    internal static int PieceElements { get; set; } = 1 << 18;

    private float* _pieces;
    private int _pieceElements;

    /// <summary>Sums block <c>communicator.Rank</c> of all ranks' buffers into this rank's.</summary>
    /// <param name="buffer">Size blocks, pinned.</param>
    /// <param name="block">Elements in a block.</param>
    public void Run(float* buffer, int block)
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
        var perStep = (block + _pieceElements - 1) / _pieceElements;
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

    /// <summary>Frees the receive buffers.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_pieces);
        _pieces = null;
    }
}
