using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Collectives on large buffers by pairwise exchange: in step d a rank sends to rank + d and receives from rank - d. Each
/// moves the least possible bytes. The reduce-scatter adds in place, a piece at a time, through a few small buffers that stay in
/// cache, where MPI's own allocates temporaries as large as the message (and leaves its result at the start of the buffer).
/// </summary>
internal sealed unsafe class PairwiseExchange(MpiChannel channel) : IDisposable
{
    /// <summary>The tag of all messages here, above every tag of a user's message.</summary>
    private const int Tag = ICommunicator.MaxTag + 1;

    /// <summary>Messages on their way at a time.</summary>
    private const int Window = 4;

    private float* _pieces;
    private byte* _packed;
    private float* _scratch;
    private int _pieceElements;

    /// <summary>Elements per message of a reduce-scatter: 256 KiB, so that all receive buffers fit a second-level cache. Tests make it small.</summary>
    internal static int PieceElements { get; set; } = 1 << 16;

    /// <summary>Sums this rank's block of all ranks' buffers into this rank's.</summary>
    /// <param name="buffer">Size blocks, pinned.</param>
    /// <param name="block">Elements in a block.</param>
    /// <param name="format">How the blocks of others travel; the rank's own is added as it is.</param>
    public void ReduceScatter(float* buffer, int block, WireFormat format)
    {
        var (rank, size) = (channel.Rank, channel.Size);
        if (size == 1 || block == 0)
        {
            return;
        }

        Allocate(format);
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
            channel.Wait(receives + slot, "MPI_Irecv");
            var (offset, count) = Piece(k);
            AddTo(new Span<float>(own + offset, count), slot);
            if (k + Window < total)
            {
                StartReceive(k + Window);
            }

            channel.Wait(sends + slot, "MPI_Isend");
            if (k + Window < total)
            {
                StartSend(k + Window);
            }
        }

        void AddTo(Span<float> sum, int slot)
        {
            var received = _pieces + ((long)slot * _pieceElements);
            if (format == WireFormat.Float32)
            {
                TensorPrimitives.Add(sum, new ReadOnlySpan<float>(received, sum.Length), sum);
            }
            else
            {
                var message = new ReadOnlySpan<byte>(received, WireConversion.MessageBytes(sum.Length, format));
                WireConversion.Add(sum, message, new Span<float>(_scratch, sum.Length), format);
            }
        }

        void StartReceive(long k)
        {
            var origin = (rank - (int)(k / perStep) - 1 + size) % size;
            var slot = k % Window;
            var (bytes, type) = MessageOf(Piece(k).Count);
            receives[slot] = channel.StartReceive(_pieces + (slot * _pieceElements), bytes, type, origin, Tag);
        }

        void StartSend(long k)
        {
            var destination = (rank + (int)(k / perStep) + 1) % size;
            var (offset, count) = Piece(k);
            var slot = k % Window;
            void* data = buffer + ((long)destination * block) + offset;
            var (length, type) = MessageOf(count);
            if (format != WireFormat.Float32)
            {
                var packed = _packed + (slot * _pieceElements * sizeof(float));
                WireConversion.Encode(new ReadOnlySpan<float>(data, count), new Span<byte>(packed, length), new Span<float>(_scratch, count), format);
                data = packed;
            }

            sends[slot] = channel.StartSend(data, length, type, destination, Tag);
        }

        (int Length, nint Type) MessageOf(int count) => format == WireFormat.Float32
            ? (count, channel.FloatType)
            : (WireConversion.MessageBytes(count, format), channel.ByteType);

        (long Offset, int Count) Piece(long k)
        {
            var offset = k % perStep * _pieceElements;
            return (offset, (int)Math.Min(_pieceElements, block - offset));
        }
    }

    /// <summary>Sends this rank's block of the buffer to all and fills the other blocks from theirs.</summary>
    public void AllGather(byte* buffer, long blockBytes)
    {
        var own = buffer + (channel.Rank * blockBytes);
        for (var distance = 1; distance < channel.Size; distance++)
        {
            var (destination, origin) = Partners(distance);
            Exchange(own, buffer + (origin * blockBytes), blockBytes, destination, origin);
        }
    }

    /// <summary>Block r of <paramref name="source"/> goes to rank r, whose block arrives in block r of <paramref name="target"/>.</summary>
    public void AllToAll(byte* source, byte* target, long blockBytes)
    {
        var own = channel.Rank * blockBytes;
        Buffer.MemoryCopy(source + own, target + own, blockBytes, blockBytes);
        for (var distance = 1; distance < channel.Size; distance++)
        {
            var (destination, origin) = Partners(distance);
            Exchange(source + (destination * blockBytes), target + (origin * blockBytes), blockBytes, destination, origin);
        }
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_pieces);
        NativeMemory.AlignedFree(_packed);
        NativeMemory.AlignedFree(_scratch);
        _pieces = null;
        _packed = null;
        _scratch = null;
    }

    private (int Destination, int Origin) Partners(int distance) =>
        ((channel.Rank + distance) % channel.Size, (channel.Rank - distance + channel.Size) % channel.Size);

    // A message of halves is never longer than the same numbers in float32, except for one or two of them, whose header is extra.
    private void Allocate(WireFormat format)
    {
        if (_pieces is null)
        {
            _pieceElements = Math.Max(PieceElements, 2);
            _pieces = (float*)NativeMemory.AlignedAlloc((nuint)Window * (nuint)_pieceElements * sizeof(float), 64);
        }

        if (format != WireFormat.Float32 && _packed is null)
        {
            _packed = (byte*)NativeMemory.AlignedAlloc((nuint)Window * (nuint)_pieceElements * sizeof(float), 64);
            _scratch = (float*)NativeMemory.AlignedAlloc((nuint)_pieceElements * sizeof(float), 64);
        }
    }

    private void Exchange(byte* source, byte* target, long bytes, int destination, int origin)
    {
        for (var done = 0L; done < bytes; done += MpiChannel.MaxCallBytes)
        {
            var count = (int)Math.Min(MpiChannel.MaxCallBytes, bytes - done);
            var incoming = channel.StartReceive(target + done, count, channel.ByteType, origin, Tag);
            var outgoing = channel.StartSend(source + done, count, channel.ByteType, destination, Tag);
            channel.Wait(&incoming, "MPI_Irecv");
            channel.Wait(&outgoing, "MPI_Isend");
        }
    }
}
