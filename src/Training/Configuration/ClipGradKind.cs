using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>What <c>optim_wrapper.clip_grad.type</c> may be.</summary>
public enum ClipGradKind
{
    /// <summary>All gradients are scaled by one factor.</summary>
    [JsonStringEnumMemberName("norm")]
    Norm,
}
