namespace OrtZero.Autograd;

/// <summary>
/// How training graphs drop elements. Masks are drawn by a counter-based generator (Philox4x32-10) from the seed, the index of the
/// micro-batch, which is fed through <see cref="TrainingGraph.MicroBatchInput"/>, the place of the node among the model's dropouts and the
/// place of the element, and by nothing else: neither ranks nor threads nor what ran before.
/// </summary>
public sealed record DropoutOptions
{
    /// <summary>The key of the generator.</summary>
    public long Seed { get; init; }

    /// <summary><c>true</c>: every Dropout of the model drops. <c>false</c>: none. <c>null</c> (default): those in training mode.</summary>
    public bool? IsOn { get; init; }

    /// <summary>The probability of an element to be dropped, at least 0 and less than 1. <c>null</c> (default): each node's own.</summary>
    public double? Rate { get; init; }

    /// <summary>The names of Dropout nodes that drop at their own ratio whatever <see cref="IsOn"/> and <see cref="Rate"/> say. Default: none.</summary>
    public IReadOnlyCollection<string> Own { get; init; } = [];
}
