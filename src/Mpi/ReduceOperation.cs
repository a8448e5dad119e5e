namespace OrtZero.Mpi;

/// <summary>How a reduction combines the elements of all ranks at one position.</summary>
public enum ReduceOperation
{
    /// <summary>The sum over all ranks. All ranks get the same bits, but the order of a float sum may differ between MPI libraries, sizes and lengths.</summary>
    Sum,

    /// <summary>The largest element of all ranks.</summary>
    Max,

    /// <summary>The smallest element of all ranks.</summary>
    Min,
}
