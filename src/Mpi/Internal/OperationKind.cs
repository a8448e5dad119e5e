namespace OrtZero.Mpi.Internal;

/// <summary>What a communicator can be asked for.</summary>
internal enum OperationKind : byte
{
    Barrier,
    Broadcast,
    AllReduce,
    ReduceScatter,
    AllGather,
    AllGatherVariable,
    AllToAll,
    Duplicate,
    FinalBarrier,
    Send,
    Receive,
}
