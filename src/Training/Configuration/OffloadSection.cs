using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>offload_optimizer</c> and <c>offload_param</c> sections of <c>zero_optimization</c>.</summary>
public sealed record OffloadSection
{
    /// <summary>
    /// Where it goes: "none", "cpu" (main memory, where this version keeps it in any case) or "nvme" (files; not in this
    /// version). Default: "none".
    /// </summary>
    public OffloadDevice Device { get; init; }

    /// <summary>The folder for "nvme". A relative path is taken from the folder of cfg.json. Null: none.</summary>
    [FilePath]
    public string? NvmePath { get; init; }

    /// <summary>No effect: main memory is not copied through pinned buffers. Null: not written.</summary>
    public bool? PinMemory { get; init; }

    /// <summary>Buffers in flight for "nvme". Default: 4.</summary>
    [Limits(AtLeast = 1)]
    public int BufferCount { get; init; } = 4;
}
