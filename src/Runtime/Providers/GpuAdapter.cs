namespace OrtZero.Runtime;

/// <summary>A graphics adapter as its driver names it.</summary>
/// <param name="Name">The name, such as "NVIDIA H100 80GB HBM3".</param>
/// <param name="IsSoftware">Whether a program on the processor stands in for it, as SwiftShader and llvmpipe do.</param>
public sealed record GpuAdapter(string Name, bool IsSoftware);
