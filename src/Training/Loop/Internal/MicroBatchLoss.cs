namespace OrtZero.Training.Internal;

/// <summary>What a micro-batch adds to a loss.</summary>
/// <param name="Sum">Its mean loss, or with a global normalization the sum of its losses.</param>
/// <param name="Count">1, or with a global normalization the number of labels (or the sum of their weights) behind the sum; 0 if none counts.</param>
internal readonly record struct MicroBatchLoss(double Sum, double Count)
{
    /// <summary>The micro-batch's own mean; 0 where no label counts.</summary>
    internal double Mean => Count == 0 ? 0 : Sum / Count;
}
