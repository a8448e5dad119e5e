using System.Diagnostics.CodeAnalysis;
using OrtZero.Mpi.Internal;

namespace OrtZero.Mpi;

/// <summary>
/// A communicator of one process that needs no MPI: every collective is the identity or a copy, with the same checks of its
/// arguments as on many ranks.
/// </summary>
public sealed class SingleProcessCommunicator : ICommunicator
{
    private readonly CollectiveLog _log = new();
    private TimeSpan _timeout = MpiSession.DefaultTimeout;
    private bool _disposed;

    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int Size => 1;

    /// <inheritdoc/>
    public int LocalRank => 0;

    /// <inheritdoc/>
    public int LocalSize => 1;

    /// <inheritdoc/>
    public string Description => "rank 0 of 1, a single process without MPI";

    /// <inheritdoc/>
    public TimeSpan Timeout
    {
        get => _timeout;
        set
        {
            ArgumentChecks.Timeout(value);
            _timeout = value;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<CollectiveRecord> RecentCollectives => _log.Snapshot();

    /// <inheritdoc/>
    public void Label(string? purpose, int index = -1) => _log.Label(purpose, index);

    /// <inheritdoc/>
    public void Barrier() => Record(new(OperationKind.Barrier), 0);

    /// <inheritdoc/>
    public void Broadcast(Span<byte> data, int root)
    {
        ArgumentChecks.Root(root, Size);
        Record(new(OperationKind.Broadcast, detail: root), data.Length);
    }

    /// <inheritdoc/>
    public void AllReduce(Span<float> data, ReduceOperation operation)
    {
        ArgumentChecks.Operation(operation);
        Record(new(OperationKind.AllReduce, ElementKind.Single, (int)operation), sizeof(float) * (long)data.Length);
    }

    /// <inheritdoc/>
    public void AllReduce(Span<double> data, ReduceOperation operation)
    {
        ArgumentChecks.Operation(operation);
        Record(new(OperationKind.AllReduce, ElementKind.Double, (int)operation), sizeof(double) * (long)data.Length);
    }

    /// <inheritdoc/>
    public void AllReduce(Span<long> data, ReduceOperation operation)
    {
        ArgumentChecks.Operation(operation);
        Record(new(OperationKind.AllReduce, ElementKind.Int64, (int)operation), sizeof(long) * (long)data.Length);
    }

    /// <inheritdoc/>
    public void ReduceScatter(Span<float> buffer, WireFormat format = WireFormat.Float32)
    {
        ArgumentChecks.Format(format);
        Record(new(OperationKind.ReduceScatter, ElementKind.Single, (int)format), sizeof(float) * (long)buffer.Length);
    }

    /// <inheritdoc/>
    public void AllGather(Span<float> buffer) => Record(new(OperationKind.AllGather), sizeof(float) * (long)buffer.Length);

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> own, Span<byte> all)
    {
        var inPlace = ArgumentChecks.GatherBuffers(own, all, Rank, Size);
        Record(new(OperationKind.AllGather), all.Length);
        if (!inPlace)
        {
            own.CopyTo(all);
        }
    }

    /// <inheritdoc/>
    public byte[][] AllGatherVariable(ReadOnlySpan<byte> own)
    {
        Record(new(OperationKind.AllGatherVariable), own.Length);
        return [own.ToArray()];
    }

    /// <inheritdoc/>
    public void AllToAll(ReadOnlySpan<float> send, Span<float> receive)
    {
        ArgumentChecks.ExchangeBuffers(send, receive, Size);
        Record(new(OperationKind.AllToAll, ElementKind.Single), sizeof(float) * (long)send.Length);
        send.CopyTo(receive);
    }

    /// <summary>Always throws <see cref="ArgumentException"/>: there is no other rank to send to.</summary>
    public void Send(ReadOnlySpan<byte> data, int destination, int tag)
    {
        ArgumentChecks.Tag(tag);
        ArgumentChecks.Peer(destination, Rank, Size);
    }

    /// <summary>Always throws <see cref="ArgumentException"/>: there is no other rank to receive from.</summary>
    public int Receive(Span<byte> data, int source, int tag)
    {
        ArgumentChecks.Tag(tag);
        ArgumentChecks.Peer(source, Rank, Size);
        return 0;
    }

    /// <inheritdoc/>
    public ICommunicator Duplicate()
    {
        Record(new(OperationKind.Duplicate), 0);
        return new SingleProcessCommunicator { Timeout = Timeout };
    }

    /// <inheritdoc/>
    [DoesNotReturn]
    public void Abort(int exitCode)
    {
        Environment.Exit(ArgumentChecks.ExitCode(exitCode));
    }

    /// <inheritdoc/>
    public void Dispose() => _disposed = true;

    private void Record(OperationCode code, long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _log.Begin(code, bytes);
        _log.Complete();
    }
}
