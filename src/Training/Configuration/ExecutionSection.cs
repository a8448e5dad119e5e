using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>execution</c> section.</summary>
public sealed record ExecutionSection
{
    /// <summary>ONNX Runtime's execution provider: "cpu", "cuda", "webgpu", or "auto" for the first of cuda, webgpu and cpu that works. Default: "cpu".</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>The device of "cuda"; "webgpu" chooses its own. Null: the rank's number on its machine, modulo the number of devices.</summary>
    [Limits(AtLeast = 0)]
    public int? DeviceId { get; init; }

    /// <summary>Options of the execution provider by ONNX Runtime's names, passed on as they are. Default: none.</summary>
    public IReadOnlyDictionary<string, string> ProviderOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>Threads that share the work of one operator. Null: the machine's cores divided by the ranks on it.</summary>
    [Limits(AtLeast = 1)]
    public int? IntraOpThreads { get; init; }
}
