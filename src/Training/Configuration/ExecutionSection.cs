using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>execution</c> section.</summary>
public sealed record ExecutionSection
{
    /// <summary>ONNX Runtime's execution provider: "cpu", "cuda" or "webgpu". Default: "cpu".</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>The device of the provider. Null: the rank's number on its machine.</summary>
    [Limits(AtLeast = 0)]
    public int? DeviceId { get; init; }

    /// <summary>Threads that share the work of one operator. Null: the machine's cores divided by the ranks on it.</summary>
    [Limits(AtLeast = 1)]
    public int? IntraOpThreads { get; init; }
}
