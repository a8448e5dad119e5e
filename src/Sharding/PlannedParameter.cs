namespace OrtZero.Sharding;

/// <summary>Where one tensor lies in the flat buffers.</summary>
/// <param name="Name">The parameter's name in the model.</param>
/// <param name="Shape">The lengths of its axes; empty for a scalar.</param>
/// <param name="Offset">Its first element in the flat buffer; a multiple of <see cref="PartitionPlan.BlockElements"/>.</param>
/// <param name="Length">Its number of elements, without the padding up to the next block.</param>
public sealed record PlannedParameter(string Name, long[] Shape, long Offset, long Length)
{
    /// <summary>The number of 256-element blocks it occupies; the last may be part padding.</summary>
    public long Blocks => (Length + PartitionPlan.BlockElements - 1) / PartitionPlan.BlockElements;
}
