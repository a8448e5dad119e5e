namespace OrtZero.Training.Internal;

/// <summary>Scores with the classes of each label side by side.</summary>
internal static class ClassRows
{
    /// <summary>The scores as they are if classes lie along the last axis, else a copy with that axis moved to the end.</summary>
    internal static ReadOnlySpan<float> Of(ReadOnlySpan<float> scores, IReadOnlyList<long> shape, int axis)
    {
        if (axis == shape.Count - 1)
        {
            return scores;
        }

        var classes = (int)shape[axis];
        var inner = (int)shape.Skip(axis + 1).Aggregate(1L, (product, length) => product * length);
        var rows = new float[scores.Length];
        for (var outer = 0; outer < scores.Length; outer += classes * inner)
        {
            for (var index = 0; index < classes * inner; index++)
            {
                var (from, place) = Math.DivRem(index, inner);
                rows[outer + (place * classes) + from] = scores[outer + index];
            }
        }

        return rows;
    }
}
