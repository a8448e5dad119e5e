using System.Runtime.CompilerServices;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Checks shared by all communicators, so that a program wrong on many ranks fails the same way on one. MPI does not check:
/// a negative count ends an MPICH process and a null buffer crashes Open MPI.
/// </summary>
internal static class ArgumentChecks
{
    public static void Root(int root, int size, [CallerArgumentExpression(nameof(root))] string? name = null)
    {
        if ((uint)root >= (uint)size)
        {
            throw new ArgumentOutOfRangeException(name, root, $"{name} must be a rank from 0 to {size - 1}.");
        }
    }

    public static void Peer(int peer, int rank, int size, [CallerArgumentExpression(nameof(peer))] string? name = null)
    {
        Root(peer, size, name);
        if (peer == rank)
        {
            throw new ArgumentException($"Rank {rank} cannot exchange messages with itself; {name} must be another rank.", name);
        }
    }

    public static void Tag(int tag)
    {
        if (tag is < 0 or > ICommunicator.MaxTag)
        {
            throw new ArgumentOutOfRangeException(nameof(tag), tag, $"tag must be from 0 to {ICommunicator.MaxTag}.");
        }
    }

    public static void Operation(ReduceOperation operation)
    {
        if (operation is < ReduceOperation.Sum or > ReduceOperation.Min)
        {
            throw new ArgumentOutOfRangeException(nameof(operation), operation, "operation must be Sum, Max or Min.");
        }
    }

    public static void Format(WireFormat format)
    {
        if (format is < WireFormat.Float32 or > WireFormat.Bfloat16)
        {
            throw new ArgumentOutOfRangeException(nameof(format), format, "format must be Float32, Float16 or Bfloat16.");
        }
    }

    public static int BlockLength(int length, int size, string name)
    {
        var block = length / size;
        return block * size == length
            ? block
            : throw new ArgumentException($"{name} has {length} elements, which {size} ranks cannot share evenly; pad it to a multiple of {size}.", name);
    }

    /// <summary>Returns true when <paramref name="own"/> is this rank's block of <paramref name="all"/> (an in-place gather).</summary>
    public static bool GatherBuffers(ReadOnlySpan<byte> own, Span<byte> all, int rank, int size)
    {
        if ((long)own.Length * size != all.Length)
        {
            throw new ArgumentException($"all has {all.Length} bytes but must have {(long)own.Length * size}: {size} blocks of own's {own.Length}.", nameof(all));
        }

        if (!own.Overlaps(all, out var offset))
        {
            return false;
        }

        return -offset == (long)rank * own.Length
            ? true
            : throw new ArgumentException($"own overlaps all but is not its block {rank}; copy it first or pass that block.", nameof(own));
    }

    public static void ExchangeBuffers(ReadOnlySpan<float> send, Span<float> receive, int size)
    {
        if (send.Length != receive.Length)
        {
            throw new ArgumentException($"receive has {receive.Length} elements but send has {send.Length}; they must have equal lengths.", nameof(receive));
        }

        BlockLength(send.Length, size, nameof(send));
        if (send.Overlaps(receive))
        {
            throw new ArgumentException("send and receive overlap; use two buffers.", nameof(receive));
        }
    }

    public static void Timeout(TimeSpan value)
    {
        if (value <= TimeSpan.Zero && value != System.Threading.Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, "Timeout must be positive, or InfiniteTimeSpan for no limit.");
        }
    }

    public static int ExitCode(int exitCode) => exitCode is >= 1 and <= 255 ? exitCode : 1;
}
