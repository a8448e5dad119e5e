namespace OrtZero.Sharding;

/// <summary>
/// The type of the module a parameter belongs to. MMEngine's rules ask for this and not for the kind of the parameter: the
/// bias of a LayerNorm follows the rules of norms, the bias of a depthwise convolution those of depthwise convolutions.
/// </summary>
public enum ModuleKind
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>Batch, instance, group or layer normalization: what MMEngine calls a norm.</summary>
    Normalization,

    /// <summary>RMS normalization, which subtracts no mean. MMEngine does not count it among the norms.</summary>
    RmsNormalization,

    /// <summary>A lookup table.</summary>
    Embedding,

    /// <summary>A convolution with one input channel per group, of any number of spatial axes.</summary>
    DepthwiseConvolution,

    /// <summary>Any other convolution, transposed ones included.</summary>
    Convolution,

    /// <summary>A matrix product.</summary>
    Linear,

    /// <summary>An LSTM, GRU or plain recurrent layer.</summary>
    Recurrent,
}
