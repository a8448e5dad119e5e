using System.Globalization;

namespace OrtZero.Mpi;

/// <summary>One operation that a communicator was asked for; the last ten are kept to say where a rank was when a run stalls.</summary>
/// <param name="Sequence">Counts the collectives of this communicator from 1. Ranks in step have equal numbers. A message between two
/// ranks has the number of the collective before it.</param>
/// <param name="Name">The operation: "all-reduce sum of float32", "barrier", …</param>
/// <param name="Bytes">Length in bytes of the buffer that this rank passed.</param>
/// <param name="Completed">False while the rank still waits in it.</param>
public readonly record struct CollectiveRecord(long Sequence, string Name, long Bytes, bool Completed)
{
    /// <summary>What it was for, from <see cref="ICommunicator.Label"/>: "gradients 3". Null: not said.</summary>
    public string? Purpose { get; init; }

    /// <summary>How long ago it began.</summary>
    public TimeSpan Age { get; init; }

    /// <summary>How long it took, or has taken so far.</summary>
    public TimeSpan Duration { get; init; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"#{Sequence} {Name} {Bytes:n0} B{(Purpose is null ? "" : $" ({Purpose})")}, began {Age.TotalSeconds:0.000} s ago, {(Completed ? $"took {Duration.TotalMilliseconds:0.0} ms" : "waiting")}");
}
