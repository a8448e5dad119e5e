namespace OrtZero.Autograd;

/// <summary>Whose kernels a graph of standard operators should keep to.</summary>
public enum OperatorTarget
{
    /// <summary>Any provider's: the plainest form is written, and what a provider lacks, the CPU runs.</summary>
    Any,

    /// <summary>WebGPU's: operators it lacks are written as others, so that values do not travel to the CPU and back.</summary>
    WebGpu,
}
