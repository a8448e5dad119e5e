namespace OrtZero.Sharding;

/// <summary>A stretch of one tensor that lies within one rank's piece of one bucket.</summary>
/// <param name="Parameter">The index of the tensor in <see cref="PartitionPlan.Parameters"/>.</param>
/// <param name="Start">The first element, counted from the start of the tensor.</param>
/// <param name="Length">The number of elements; never 0 and never padding.</param>
/// <param name="FlatOffset">The first element in the flat buffer.</param>
/// <param name="ShardOffset">The first element in the owning rank's compact shard.</param>
/// <param name="Bucket">The index of the bucket.</param>
public readonly record struct ShardRange(int Parameter, long Start, int Length, long FlatOffset, long ShardOffset, int Bucket);
