namespace OrtZero.Autograd;

/// <summary>How thoroughly <see cref="GradientCheck"/> compares, and when it accepts.</summary>
public sealed record GradientCheckOptions
{
    /// <summary>
    /// Single elements compared per parameter, besides one random direction through all of them. A parameter with no more elements than
    /// this is compared completely. Default: 3.
    /// </summary>
    public int Samples { get; init; } = 3;

    /// <summary>
    /// Ends the comparison after this time, and leaves out single elements from the start where they would not fit into it. Parameters that are
    /// not reached by then, which lie spread over the model, have <see cref="ParameterGradientCheck.Probes"/> 0. <c>null</c> (default): no limit.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>Seed of the weights of the outputs, the directions and the samples. Default: 0.</summary>
    public int Seed { get; init; }

    /// <summary>
    /// The largest difference that agrees, as a part of the gradient's size. <c>null</c> (default): 1e-6 in float64 and 1e-2 in float32,
    /// where what the rounding of the forward pass can make is granted too.
    /// </summary>
    public double? Tolerance { get; init; }

    /// <summary><c>true</c> (default): the model is compared in float64 where ONNX Runtime has kernels for it. <c>false</c>: as it is.</summary>
    public bool PreferDouble { get; init; } = true;

    /// <summary>
    /// The gradients under test. Float32 gradients are those of the operators of <c>OrtZero.Kernels</c> by default, as they are used on the
    /// CPU; in float64 every gradient is in standard operators.
    /// </summary>
    public GradientOptions Gradients { get; init; } = new();
}
