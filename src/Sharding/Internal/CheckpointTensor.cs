namespace OrtZero.Sharding.Internal;

/// <summary>The three tensors a checkpoint keeps of every range.</summary>
internal enum CheckpointTensor
{
    /// <summary>The parameter itself.</summary>
    Parameter,

    /// <summary>Adam's first moment.</summary>
    FirstMoment,

    /// <summary>Adam's second moment.</summary>
    SecondMoment,
}
