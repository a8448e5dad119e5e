using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// One entry of <c>optim_wrapper.paramwise_cfg.layer_decay</c>: rates that fall from the head to the stem. With L numbered blocks
/// layer 0 is what the blocks compute with, layers 1 to L are the blocks, layer L + 1 is what comes after them, and the rate of
/// layer i is multiplied by rate^(L + 1 - i).
/// </summary>
public sealed record LayerDecaySection
{
    /// <summary>The factor from one layer to the one before it. Required.</summary>
    [Limits(Above = 0, AtMost = 1)]
    public required double Rate { get; init; }

    /// <summary>No layer's factor is smaller. Default: 0.</summary>
    [Limits(AtLeast = 0, AtMost = 1)]
    public double MinScale { get; init; }

    /// <summary>Holds for parameters whose names begin with this, and counts only their blocks. Null: for all.</summary>
    public string? Prefix { get; init; }
}
