using OrtZero.Sharding;

namespace OrtZero.Training;

/// <summary>What a rank takes of main memory and for what, in bytes. The keys are those of <c>rankworker plan --json</c>.</summary>
public sealed record MemoryUse
{
    /// <summary>Parameters.</summary>
    public long ParameterBytes { get; init; }

    /// <summary>Gradients that are kept from one micro-batch to the next.</summary>
    public long GradientBytes { get; init; }

    /// <summary>The optimizer's state.</summary>
    public long OptimizerBytes { get; init; }

    /// <summary>The moving average of the parameters.</summary>
    public long AverageBytes { get; init; }

    /// <summary>The copy of the parameters as they were at the start.</summary>
    public long StartBytes { get; init; }

    /// <summary>Buckets on their way between ranks, and parameters gathered ahead.</summary>
    public long BufferBytes { get; init; }

    /// <summary>The most that gathered parameters take inside the training graph at one time, at stage 3.</summary>
    public long GatheredBytes { get; init; }

    /// <summary>The copy from which a checkpoint is written while training goes on.</summary>
    public long CheckpointBytes { get; init; }

    /// <summary>The most that all buffers of the process had at one time, as its allocator counts them: all of the above but what is gathered
    /// inside the graph, and micro-batches.</summary>
    public long AllocatedBytes { get; init; }

    /// <summary>The most the process ever had resident, from its start on.</summary>
    public long PeakRssBytes { get; init; }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"parameters {ParameterBytes:N0} bytes, gradients {GradientBytes:N0}, optimizer {OptimizerBytes:N0}, average {AverageBytes:N0}, start {StartBytes:N0}, buffers {BufferBytes:N0}, gathered {GatheredBytes:N0}, checkpoint copy {CheckpointBytes:N0}; at most {AllocatedBytes:N0} allocated and {PeakRssBytes:N0} resident");

    internal static MemoryUse Of(ZeroEngine engine, long checkpointBytes)
    {
        var state = engine.Memory;
        return new MemoryUse
        {
            ParameterBytes = state.Parameters,
            GradientBytes = state.Gradients,
            OptimizerBytes = state.OptimizerState,
            AverageBytes = state.Average,
            StartBytes = state.Start,
            BufferBytes = engine.TransitBytes,
            GatheredBytes = engine.GatheredBytes,
            CheckpointBytes = checkpointBytes,
            AllocatedBytes = Runtime.AlignedBuffer.PeakBytes,
            PeakRssBytes = ProcessMemory.PeakRssBytes(),
        };
    }

    /// <summary>By kind, the most of any rank. Collective.</summary>
    internal MemoryUse MostOf(Mpi.ICommunicator ranks)
    {
        long[] bytes =
        [
            ParameterBytes, GradientBytes, OptimizerBytes, AverageBytes, BufferBytes, GatheredBytes, CheckpointBytes, AllocatedBytes, PeakRssBytes, StartBytes,
        ];
        ranks.AllReduce(bytes, Mpi.ReduceOperation.Max);
        return new MemoryUse
        {
            ParameterBytes = bytes[0],
            GradientBytes = bytes[1],
            OptimizerBytes = bytes[2],
            AverageBytes = bytes[3],
            BufferBytes = bytes[4],
            GatheredBytes = bytes[5],
            CheckpointBytes = bytes[6],
            AllocatedBytes = bytes[7],
            PeakRssBytes = bytes[8],
            StartBytes = bytes[9],
        };
    }
}
