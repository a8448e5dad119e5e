using System.Numerics.Tensors;

namespace OrtZero.Training;

/// <summary>
/// Counts right predictions over a validation. Ranks add up <see cref="Correct"/> and <see cref="Total"/>, which are whole
/// numbers, so the result does not depend on who counted what.
/// </summary>
public sealed class AccuracyMeter
{
    private readonly EvaluationMetric _metric;
    private readonly long _ignoreIndex;

    /// <summary>Begins at zero.</summary>
    /// <param name="metric">Labels or whole samples.</param>
    /// <param name="ignoreIndex">Labels of this value are not counted.</param>
    public AccuracyMeter(EvaluationMetric metric, long ignoreIndex)
    {
        ArgumentOutOfRangeException.ThrowIfEqual((int)metric, (int)EvaluationMetric.None, nameof(metric));
        (_metric, _ignoreIndex) = (metric, ignoreIndex);
    }

    /// <summary>Right labels, or samples with nothing but right labels.</summary>
    public long Correct { get; private set; }

    /// <summary>Labels that count, or samples that have at least one.</summary>
    public long Total { get; private set; }

    /// <summary>Adds a micro-batch.</summary>
    /// <param name="scores">
    /// [samples, labels per sample, classes]; the highest score wins, the lowest class among equal scores. A label whose scores
    /// include NaN is wrong.
    /// </param>
    /// <param name="labels">[samples, labels per sample].</param>
    /// <param name="samples">Samples in both.</param>
    /// <param name="counted">How many of them, from the first, count; the rest only fill up the micro-batch.</param>
    public void Add(ReadOnlySpan<float> scores, ReadOnlySpan<long> labels, int samples, int counted)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(counted, samples);
        if (labels.Length == 0 || labels.Length % samples != 0 || scores.Length % labels.Length != 0)
        {
            throw new ArgumentException($"{scores.Length} scores and {labels.Length} labels do not belong to {samples} samples.", nameof(scores));
        }

        var perSample = labels.Length / samples;
        var classes = scores.Length / labels.Length;
        for (var sample = 0; sample < counted; sample++)
        {
            Add(scores.Slice(sample * perSample * classes, perSample * classes), labels.Slice(sample * perSample, perSample), classes);
        }
    }

    private void Add(ReadOnlySpan<float> scores, ReadOnlySpan<long> labels, int classes)
    {
        var (right, counted) = (0, 0);
        for (var index = 0; index < labels.Length; index++)
        {
            if (labels[index] != _ignoreIndex)
            {
                counted++;
                var row = scores.Slice(index * classes, classes);
                // IndexOfMax answers with the first NaN if there is one.
                var best = TensorPrimitives.IndexOfMax(row);
                right += best == labels[index] && !float.IsNaN(row[best]) ? 1 : 0;
            }
        }

        var whole = _metric == EvaluationMetric.SequenceAccuracy;
        Correct += !whole ? right : counted > 0 && right == counted ? 1 : 0;
        Total += !whole ? counted : counted > 0 ? 1 : 0;
    }
}
