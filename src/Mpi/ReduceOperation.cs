namespace OrtZero.Mpi;

/// <summary>How a reduction combines the elements of all ranks at one position.</summary>
public enum ReduceOperation
{
    /// <summary>The sum over all ranks. Its order is the MPI library's own, so float sums may differ in the last bit between libraries.</summary>
    Sum,

    /// <summary>The largest element of all ranks.</summary>
    Max,

    /// <summary>The smallest element of all ranks.</summary>
    Min,
}
