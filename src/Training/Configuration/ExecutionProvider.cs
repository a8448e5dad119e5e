using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>execution.provider</c> may be.</summary>
public enum ExecutionProvider
{
    /// <summary>The processor.</summary>
    [JsonStringEnumMemberName("cpu")]
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    [JsonStringEnumMemberName("cuda")]
    Cuda,

    /// <summary>Any vendor's GPU through WebGPU.</summary>
    [JsonStringEnumMemberName("webgpu")]
    WebGpu,

    /// <summary>The first of cuda, webgpu and cpu that works; a GPU that is only a program on the processor does not count.</summary>
    [JsonStringEnumMemberName("auto")]
    Auto,
}
