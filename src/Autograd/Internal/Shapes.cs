namespace OrtZero.Autograd.Internal;

/// <summary>Arithmetic on static shapes. A length of -1 stands for an axis that is only known at run time (evaluation graphs).</summary>
internal static class Shapes
{
    public static long Count(ReadOnlySpan<long> shape)
    {
        var count = 1L;
        foreach (var length in shape)
        {
            if (length < 0)
            {
                return -1;
            }

            count = checked(count * length);
        }

        return count;
    }

    public static int Axis(long axis, int rank) => (int)(axis < 0 ? axis + rank : axis);

    public static int[] Axes(IEnumerable<long> axes, int rank) => [.. axes.Select(axis => Axis(axis, rank)).Order()];

    public static bool Same(ReadOnlySpan<long> a, ReadOnlySpan<long> b) => a.SequenceEqual(b);

    /// <summary>The shape of an elementwise result by NumPy's broadcasting.</summary>
    public static long[] Broadcast(ReadOnlySpan<long> a, ReadOnlySpan<long> b)
    {
        var result = new long[Math.Max(a.Length, b.Length)];
        for (var i = 1; i <= result.Length; i++)
        {
            var left = i <= a.Length ? a[^i] : 1;
            var right = i <= b.Length ? b[^i] : 1;
            result[^i] = left == 1 ? right : left;
        }

        return result;
    }

    /// <summary>The axes of <paramref name="from"/> over which a value of shape <paramref name="to"/> was repeated to get it.</summary>
    public static long[] BroadcastAxes(ReadOnlySpan<long> from, ReadOnlySpan<long> to)
    {
        var axes = new List<long>();
        var missing = from.Length - to.Length;
        for (var axis = 0; axis < from.Length; axis++)
        {
            if (axis < missing || (to[axis - missing] == 1 && from[axis] != 1))
            {
                axes.Add(axis);
            }
        }

        return [.. axes];
    }

    public static long[] Reduced(ReadOnlySpan<long> shape, ReadOnlySpan<long> axes, bool keep)
    {
        var result = new List<long>();
        for (var axis = 0; axis < shape.Length; axis++)
        {
            if (!axes.Contains(axis))
            {
                result.Add(shape[axis]);
            }
            else if (keep)
            {
                result.Add(1);
            }
        }

        return [.. result];
    }

    public static long[] Permuted(long[] shape, long[] permutation) => Array.ConvertAll(permutation, axis => shape[axis]);

    public static long[] Inverse(long[] permutation)
    {
        var inverse = new long[permutation.Length];
        for (var i = 0; i < permutation.Length; i++)
        {
            inverse[permutation[i]] = i;
        }

        return inverse;
    }

    /// <summary>The permutation that exchanges the last two axes.</summary>
    public static long[] SwapLast(int rank)
    {
        var permutation = Range(rank);
        (permutation[^1], permutation[^2]) = (permutation[^2], permutation[^1]);
        return permutation;
    }

    public static long[] Range(int count) => [.. Enumerable.Range(0, count).Select(axis => (long)axis)];

    public static long[] With(long[] shape, int axis, long length)
    {
        var result = (long[])shape.Clone();
        result[axis] = length;
        return result;
    }
}
