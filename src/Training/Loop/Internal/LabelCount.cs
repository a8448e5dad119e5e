using OrtZero.Autograd;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>What a loss's mean over a batch is divided by, found from its labels.</summary>
internal static class LabelCount
{
    /// <summary>
    /// Of a cross-entropy the labels that count, or the sum of their class weights; of a divergence the samples; else the elements.
    /// </summary>
    internal static double Of(LossOptions loss, IReadOnlyDictionary<string, OrtTensor> feeds)
    {
        if (loss.Type == LossType.ModelOutput)
        {
            return 1;
        }

        var labels = feeds[loss.Labels!];
        if (loss.Type != LossType.CrossEntropy)
        {
            return loss.Type == LossType.KullbackLeibler ? labels.Shape[0] : labels.ElementCount;
        }

        var count = 0.0;
        foreach (var label in labels.Span<long>())
        {
            count += label == loss.IgnoreIndex ? 0 : loss.ClassWeights is { } weights ? weights[(int)label] : 1;
        }

        return count;
    }
}
