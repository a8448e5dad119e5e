using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>offload_optimizer</c> and <c>offload_param</c> sections of <c>zero_optimization</c> with DeepSpeed's names. The keys from
/// <see cref="PinMemory"/> on are accepted so that DeepSpeed's sections can be pasted.
/// </summary>
public sealed record OffloadSection
{
    /// <summary>
    /// Where it goes: "none"; "cpu", main memory, where it is kept in any case; or "nvme", a file per rank on a fast disk. Default: "none".
    /// </summary>
    public OffloadDevice Device { get; init; }

    /// <summary>The folder for "nvme". A relative path is taken from the folder of cfg.json. The files in it have no names and are gone when
    /// the ranks are. Null: none.</summary>
    [FilePath]
    public string? NvmePath { get; init; }

    /// <summary>Buffers in memory through which the files of a rank pass in an update: one in use, the others read ahead or written back.
    /// Where both sections say "nvme", offload_optimizer's counts. Default: 4.</summary>
    [Limits(AtLeast = 1)]
    public int BufferCount { get; init; } = 4;

    /// <summary>Parameters in each buffer, with all their optimizer state. Where both sections say "nvme", offload_optimizer's counts.
    /// Default: 1e6 (DeepSpeed's is 1e8, for parameters alone).</summary>
    [Limits(AtLeast = 1)]
    public long BufferSize { get; init; } = 1_000_000;

    /// <summary>No effect: main memory is not copied through pinned buffers. Null: not written.</summary>
    public bool? PinMemory { get; init; }

    /// <summary>No effect: the next buffers are always read ahead when there is more than one. Null: not written.</summary>
    public bool? PipelineRead { get; init; }

    /// <summary>No effect: a buffer is always written back while others are used when there is more than one. Null: not written.</summary>
    public bool? PipelineWrite { get; init; }

    /// <summary>No effect: files are reserved, not written, at the beginning. Null: not written.</summary>
    public bool? FastInit { get; init; }

    /// <summary>No effect: buffer_count times buffer_size is what stays in memory. Null: not written.</summary>
    [Limits(AtLeast = 0)]
    public double? MaxInCpu { get; init; }

    /// <summary>No effect: updates are always computed on the processor. Null: not written.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double? Ratio { get; init; }
}
