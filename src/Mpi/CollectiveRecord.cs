namespace OrtZero.Mpi;

/// <summary>One operation that a communicator was asked for; the last ten are kept to say where a rank was when a run stalls.</summary>
/// <param name="Sequence">Counts the operations of this communicator from 1. Ranks in step have equal numbers.</param>
/// <param name="Name">The operation: "all-reduce sum float", "barrier", …</param>
/// <param name="Bytes">Length in bytes of the buffer that this rank passed.</param>
/// <param name="Completed">False while the rank still waits in it.</param>
public readonly record struct CollectiveRecord(long Sequence, string Name, long Bytes, bool Completed)
{
    /// <inheritdoc/>
    public override string ToString() =>
        FormattableString.Invariant($"#{Sequence} {Name} {Bytes} B{(Completed ? "" : " (waiting)")}");
}
