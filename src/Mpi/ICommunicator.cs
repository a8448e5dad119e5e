using System.Diagnostics.CodeAnalysis;

namespace OrtZero.Mpi;

/// <summary>
/// A group of processes that communicate, numbered 0 to <see cref="Size"/> - 1. Every operation blocks its caller until it is
/// complete, and except for <see cref="Send"/> and <see cref="Receive"/> every rank must call the same operations in the same
/// order with the same lengths. A communicator serves one thread at a time; a second thread uses its own <see cref="Duplicate"/>.
/// </summary>
/// <remarks>
/// Wrong arguments throw <see cref="ArgumentException"/> before anything is sent; failures throw <see cref="MpiException"/>.
/// A rank that fails while others work must call <see cref="Abort"/> rather than dispose, since disposing waits for the others.
/// </remarks>
public interface ICommunicator : IDisposable
{
    /// <summary>The largest tag that <see cref="Send"/> and <see cref="Receive"/> take.</summary>
    const int MaxTag = 32766;

    /// <summary>This process's number, 0 to <see cref="Size"/> - 1.</summary>
    int Rank { get; }

    /// <summary>How many processes there are.</summary>
    int Size { get; }

    /// <summary>This process's number among those on the same machine.</summary>
    int LocalRank { get; }

    /// <summary>How many processes there are on this machine.</summary>
    int LocalSize { get; }

    /// <summary>For logs: rank, size, and the MPI library in use.</summary>
    string Description { get; }

    /// <summary>
    /// How long one operation may wait for other ranks; 30 minutes by default, <see cref="System.Threading.Timeout.InfiniteTimeSpan"/>
    /// for no limit. When it passes, <see cref="MpiException"/> says which rank of the machine is in which operation.
    /// </summary>
    TimeSpan Timeout { get; set; }

    /// <summary>The last ten operations of this rank, oldest first. May be read from any thread.</summary>
    IReadOnlyList<CollectiveRecord> RecentCollectives { get; }

    /// <summary>Says what the operations from now on are for, as reports of a stall show it.</summary>
    /// <param name="purpose">Up to 16 ASCII characters: "gradients". Null: nothing.</param>
    /// <param name="index">Which of many, such as a bucket; -1: none.</param>
    void Label(string? purpose, int index = -1)
    {
        // For communicators that make no reports.
    }

    /// <summary>Returns when every rank has called it.</summary>
    void Barrier();

    /// <summary>Copies the bytes of rank <paramref name="root"/> to all.</summary>
    void Broadcast(Span<byte> data, int root);

    /// <summary>Combines element by element over all ranks; every rank gets the same result.</summary>
    void AllReduce(Span<float> data, ReduceOperation operation);

    /// <inheritdoc cref="AllReduce(Span{float}, ReduceOperation)"/>
    void AllReduce(Span<double> data, ReduceOperation operation);

    /// <inheritdoc cref="AllReduce(Span{float}, ReduceOperation)"/>
    void AllReduce(Span<long> data, ReduceOperation operation);

    /// <summary>
    /// Sums over all ranks and leaves each rank its own block of the sum, in place: block r starts at r * (length / Size).
    /// The other blocks keep what this rank put in or hold garbage. The length must be divisible by <see cref="Size"/>.
    /// For a given size the order of the sum is fixed, whatever the MPI library.
    /// </summary>
    /// <param name="buffer">Size blocks.</param>
    /// <param name="format">How the numbers of other ranks travel; a rank's own are added as they are.</param>
    void ReduceScatter(Span<float> buffer, WireFormat format = WireFormat.Float32);

    /// <summary>
    /// Collects one block from each rank, in place: the rank's own block starts at Rank * (length / Size). The length must be
    /// divisible by <see cref="Size"/>.
    /// </summary>
    void AllGather(Span<float> buffer);

    /// <summary>
    /// Collects equally many bytes from each rank into <paramref name="all"/>, in rank order; its length is Size times that of
    /// <paramref name="own"/>. The two may overlap only if <paramref name="own"/> is this rank's block of <paramref name="all"/>.
    /// </summary>
    void AllGather(ReadOnlySpan<byte> own, Span<byte> all);

    /// <summary>Collects bytes from each rank, of a different length each, in rank order.</summary>
    byte[][] AllGatherVariable(ReadOnlySpan<byte> own);

    /// <summary>
    /// Sends block r of <paramref name="send"/> to rank r and receives block r of <paramref name="receive"/> from it. Both have
    /// the same length, divisible by <see cref="Size"/>, and may not overlap.
    /// </summary>
    void AllToAll(ReadOnlySpan<float> send, Span<float> receive);

    /// <summary>Sends bytes to another rank; returns when <paramref name="data"/> may be reused. Tags are 0 to <see cref="MaxTag"/>.</summary>
    void Send(ReadOnlySpan<byte> data, int destination, int tag);

    /// <summary>Receives one message of another rank with this tag; a message longer than the buffer is an error.</summary>
    /// <returns>How many bytes the message had.</returns>
    int Receive(Span<byte> data, int source, int tag);

    /// <summary>Every rank calls it: a communicator of the same processes whose operations do not mix with this one's.</summary>
    ICommunicator Duplicate();

    /// <summary>
    /// Ends every process of the run at once, without waiting for any, with this exit code (1 to 255; anything else becomes 1).
    /// </summary>
    [DoesNotReturn]
    void Abort(int exitCode);
}
