using System.Text.Json.Serialization;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>The <c>optim_wrapper</c> section, as in MMEngine.</summary>
public sealed record OptimWrapperSection
{
    /// <summary>Whether losses are scaled. Default: "OptimWrapper", they are not.</summary>
    public OptimWrapperKind Type { get; init; }

    /// <summary>The type activations are computed in. Default, and the only one in this version: "float32".</summary>
    public ComputeType Dtype { get; init; }

    /// <summary>
    /// How an AmpOptimWrapper scales the loss: "dynamic", a constant, or an object with the scaler's settings. Null: "dynamic"
    /// for an AmpOptimWrapper; an OptimWrapper takes none.
    /// </summary>
    public LossScaleSection? LossScale { get; init; }

    /// <summary>The optimizer. Required.</summary>
    public required OptimizerSection Optimizer { get; init; }

    /// <summary>Gradient clipping. Null: gradients are not clipped.</summary>
    public ClipGradSection? ClipGrad { get; init; }

    /// <summary>
    /// Micro-batches per update; the loss of each is divided by it. The last, incomplete accumulation of a run is applied with
    /// its own divisor. Default: 1.
    /// </summary>
    [Limits(AtLeast = 1)]
    public int AccumulativeCounts { get; init; } = 1;

    /// <summary>Settings by kind or name of parameter. Null: all parameters have the optimizer's settings.</summary>
    public ParamwiseSection? ParamwiseCfg { get; init; }

    /// <summary>The loss scaling in effect, null when losses are not scaled. Not a key.</summary>
    [JsonIgnore]
    public LossScaleSection? EffectiveLossScale =>
        Type == OptimWrapperKind.AmpOptimWrapper ? LossScale ?? new LossScaleSection() : null;
}
