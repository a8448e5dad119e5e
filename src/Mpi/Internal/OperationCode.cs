namespace OrtZero.Mpi.Internal;

/// <summary>
/// An operation with everything that must be the same on every rank but its length, in 32 bits so that it fits the board: kind,
/// type of element, and a detail (the reduction, the root or the wire format).
/// </summary>
internal readonly record struct OperationCode(int Value)
{
    private static readonly string[] s_reductions = ["sum", "max", "min"];

    public OperationCode(OperationKind kind, ElementKind element = ElementKind.Byte, int detail = 0)
        : this((int)kind | ((int)element << 8) | (detail << 16))
    {
    }

    public OperationKind Kind => (OperationKind)(Value & 0xff);

    public ElementKind Element => (ElementKind)((Value >> 8) & 0xff);

    public int Detail => Value >> 16;

    /// <summary>Whether every rank takes part; messages between two ranks do not count as steps of a communicator.</summary>
    public bool IsCollective => Kind is not (OperationKind.Send or OperationKind.Receive);

    /// <summary>Whether every rank must pass equally many bytes.</summary>
    public bool HasEqualLengths => IsCollective && Kind != OperationKind.AllGatherVariable;

    /// <summary>The operation in words.</summary>
    public string Name => Kind switch
    {
        OperationKind.Barrier => "barrier",
        OperationKind.Broadcast => $"broadcast from rank {Detail}",
        OperationKind.AllReduce => $"all-reduce {s_reductions[Detail]} of {TypeName}",
        OperationKind.ReduceScatter => Detail == 0 ? "reduce-scatter" : $"reduce-scatter as {((WireFormat)Detail).ToString().ToLowerInvariant()}",
        OperationKind.AllGather => "all-gather",
        OperationKind.AllGatherVariable => "all-gather of different lengths",
        OperationKind.AllToAll => "all-to-all",
        OperationKind.Duplicate => "duplicate",
        OperationKind.FinalBarrier => "final barrier",
        OperationKind.Send => $"send to rank {Detail}",
        OperationKind.Receive => $"receive from rank {Detail}",
        _ => "unknown operation",
    };

    private string TypeName => Element switch
    {
        ElementKind.Single => "float32",
        ElementKind.Double => "float64",
        ElementKind.Int64 => "int64",
        _ => "bytes",
    };
}
