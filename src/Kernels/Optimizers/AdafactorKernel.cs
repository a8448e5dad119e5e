using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// The pieces of Adafactor (Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost") that go over
/// elements. Sums of squares are kept as whole numbers of a unit chosen from the largest square, so that adding them up gives the
/// same result in any order.
/// </summary>
public static class AdafactorKernel
{
    private const int Lanes = 8;

    /// <summary>Raises every maximum to the magnitude of the scaled gradient where that is larger.</summary>
    /// <param name="gradients">Gradients.</param>
    /// <param name="scale">Multiplies each.</param>
    /// <param name="maxima">As many maxima.</param>
    /// <returns>The largest magnitude of all.</returns>
    public static float RaiseMaxima(ReadOnlySpan<float> gradients, float scale, Span<float> maxima)
    {
        if (maxima.Length != gradients.Length)
        {
            throw new ArgumentException($"{gradients.Length} gradients need as many maxima, not {maxima.Length}.", nameof(maxima));
        }

        ref var g = ref MemoryMarshal.GetReference(gradients);
        ref var m = ref MemoryMarshal.GetReference(maxima);
        var row = Vector512<float>.Zero;
        var i = 0;
        for (; i <= gradients.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var magnitude = Vector512.Abs(Vector512.LoadUnsafe(ref g, (nuint)i) * scale);
            Vector512.Max(Vector512.LoadUnsafe(ref m, (nuint)i), magnitude).StoreUnsafe(ref m, (nuint)i);
            row = Vector512.Max(row, magnitude);
        }

        var largest = 0f;
        for (var lane = 0; lane < Vector512<float>.Count; lane++)
        {
            largest = MathF.Max(largest, row[lane]);
        }

        for (; i < gradients.Length; i++)
        {
            var magnitude = MathF.Abs(gradients[i] * scale);
            maxima[i] = MathF.Max(maxima[i], magnitude);
            largest = MathF.Max(largest, magnitude);
        }

        return largest;
    }

    /// <summary>The unit in which squares up to the largest are counted so that <paramref name="count"/> of them fit 63 bits: a
    /// power of two, returned as what to multiply a square with. 0 when every square is 0.</summary>
    /// <param name="largest">The largest magnitude, not negative and finite.</param>
    /// <param name="count">How many squares are added, at least 1.</param>
    public static double SquaresPerUnit(float largest, long count)
    {
        if (largest == 0)
        {
            return 0;
        }

        // The square is below 2^(2e + 2) when the magnitude is below 2^(e + 1).
        var bits = 64 - System.Numerics.BitOperations.LeadingZeroCount((ulong)count);
        return Math.ScaleB(1, 62 - bits - (2 * (Math.ILogB((double)largest) + 1)));
    }

    /// <summary>Adds every square, in the units of its column, to the column's sum.</summary>
    /// <param name="gradients">Gradients of neighbouring elements of a row.</param>
    /// <param name="scale">Multiplies each.</param>
    /// <param name="rowUnit">What the row's squares are multiplied with.</param>
    /// <param name="columnUnits">The same for each column.</param>
    /// <param name="columnSums">The sums of the columns.</param>
    /// <returns>The sum of the squares in the row's units.</returns>
    public static long AddSquares(
        ReadOnlySpan<float> gradients, float scale, double rowUnit, ReadOnlySpan<double> columnUnits, Span<long> columnSums)
    {
        if (columnUnits.Length != gradients.Length || columnSums.Length != gradients.Length)
        {
            throw new ArgumentException($"{gradients.Length} gradients need as many columns, not {columnUnits.Length} and {columnSums.Length}.");
        }

        ref var g = ref MemoryMarshal.GetReference(gradients);
        ref var units = ref MemoryMarshal.GetReference(columnUnits);
        ref var sums = ref MemoryMarshal.GetReference(columnSums);
        var row = Vector512<long>.Zero;
        var i = 0;
        for (; i <= gradients.Length - Lanes; i += Lanes)
        {
            var scaled = Vector256.LoadUnsafe(ref g, (nuint)i) * scale;
            var (low, high) = Vector256.Widen(scaled);
            var wide = Vector512.Create(low, high);
            var square = wide * wide;
            row += Vector512.ConvertToInt64(square * rowUnit);
            (Vector512.LoadUnsafe(ref sums, (nuint)i) + Vector512.ConvertToInt64(square * Vector512.LoadUnsafe(ref units, (nuint)i)))
                .StoreUnsafe(ref sums, (nuint)i);
        }

        var total = Vector512.Sum(row);
        for (; i < gradients.Length; i++)
        {
            var scaled = (double)(gradients[i] * scale);
            var square = scaled * scaled;
            total += (long)(square * rowUnit);
            columnSums[i] += (long)(square * columnUnits[i]);
        }

        return total;
    }

    /// <summary>Writes g * scale / sqrt(max(row * column, floor)) for neighbouring elements of a row.</summary>
    /// <param name="gradients">Gradients.</param>
    /// <param name="scale">Multiplies each.</param>
    /// <param name="row">The row's factor of the second moment.</param>
    /// <param name="columns">The columns' factors.</param>
    /// <param name="floor">The least second moment.</param>
    /// <param name="direction">Receives the result.</param>
    public static void FactoredDirection(
        ReadOnlySpan<float> gradients, float scale, float row, ReadOnlySpan<float> columns, float floor, Span<float> direction)
    {
        TensorPrimitives.Multiply(columns, row, direction);
        Divide(gradients, scale, floor, direction);
    }

    /// <summary>Moves second moments towards the squares: v += rate * (g*g - v).</summary>
    /// <param name="gradients">Gradients.</param>
    /// <param name="scale">Multiplies each first.</param>
    /// <param name="rate">How much of the new square enters.</param>
    /// <param name="moments">The second moments, as many.</param>
    public static void Average(ReadOnlySpan<float> gradients, float scale, float rate, Span<float> moments)
    {
        for (var i = 0; i < moments.Length; i++)
        {
            var g = gradients[i] * scale;
            moments[i] += rate * ((g * g) - moments[i]);
        }
    }

    /// <summary>Writes g * scale / sqrt(max(v, floor)).</summary>
    /// <param name="gradients">Gradients.</param>
    /// <param name="scale">Multiplies each.</param>
    /// <param name="moments">The second moments v.</param>
    /// <param name="floor">The least second moment.</param>
    /// <param name="direction">Receives the result.</param>
    public static void Direction(ReadOnlySpan<float> gradients, float scale, ReadOnlySpan<float> moments, float floor, Span<float> direction)
    {
        moments.CopyTo(direction);
        Divide(gradients, scale, floor, direction);
    }

    // Every operation is rounded once by IEEE 754 whether vectors or scalars do it, so where a range is cut does not show.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Divide(ReadOnlySpan<float> gradients, float scale, float floor, Span<float> direction)
    {
        TensorPrimitives.Max(direction, floor, direction);
        TensorPrimitives.Sqrt(direction, direction);
        TensorPrimitives.Divide(gradients, direction, direction);
        TensorPrimitives.Multiply(direction, scale, direction);
    }
}
