using System.Numerics;
using System.Runtime.InteropServices;

namespace OrtZero.Autograd;

/// <summary>
/// A low-rank adapter beside a frozen weight (LoRA: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021): products with the
/// weight W of shape [outputs, inputs] become those with W + scale·B·A.
/// </summary>
public sealed record LowRankAdapter
{
    /// <summary>The weight's name.</summary>
    public required string Weight { get; init; }

    /// <summary>The module the weight belongs to: its name without a ".weight" at the end.</summary>
    public required string Module { get; init; }

    /// <summary>The name of A, of shape [rank, inputs].</summary>
    public required string A { get; init; }

    /// <summary>The name of B, of shape [outputs, rank].</summary>
    public required string B { get; init; }

    /// <summary>The length of the vectors that the weight multiplies.</summary>
    public required long Inputs { get; init; }

    /// <summary>The length of its products.</summary>
    public required long Outputs { get; init; }

    /// <summary>The rank.</summary>
    public required int Rank { get; init; }

    /// <summary>What the scale was made of: alpha / rank, or alpha / √rank.</summary>
    public required double Alpha { get; init; }

    /// <summary>What B·A is multiplied by.</summary>
    public required double Scale { get; init; }

    /// <summary>The probability of an element of what comes into A to be dropped in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether the model stores the weight as [inputs, outputs].</summary>
    public required bool IsTransposed { get; init; }

    /// <summary>The weight with the adapter added to it, as the model stores it: every element is summed in float64 and rounded once.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="a">A, row-major.</param>
    /// <param name="b">B, row-major.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public float[] Merge(ReadOnlySpan<float> weight, float[] a, float[] b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (weight.Length != Inputs * Outputs || a.Length != Rank * Inputs || b.Length != Rank * Outputs)
        {
            throw new ArgumentException($"The adapter of '{Weight}' is for {Inputs} inputs and {Outputs} outputs at rank {Rank}, but got {weight.Length}, {a.Length} and {b.Length} elements.");
        }

        // As stored, the sum over the rank is left [rows, rank] times right [rank, columns].
        var left = IsTransposed ? Transposed(a, Rank) : Doubles(b);
        var right = IsTransposed ? Transposed(b, (int)Outputs) : Doubles(a);
        var columns = (int)(IsTransposed ? Outputs : Inputs);
        var merged = weight.ToArray();
        Parallel.For(0, merged.Length / columns, row =>
        {
            var sum = new double[columns];
            for (var k = 0; k < Rank; k++)
            {
                AddScaled(sum, right.AsSpan(k * columns, columns), left[(row * Rank) + k]);
            }

            var target = merged.AsSpan(row * columns, columns);
            for (var column = 0; column < columns; column++)
            {
                target[column] = (float)(target[column] + (Scale * sum[column]));
            }
        });
        return merged;
    }

    private static void AddScaled(Span<double> sum, ReadOnlySpan<double> values, double factor)
    {
        var sums = MemoryMarshal.Cast<double, Vector<double>>(sum);
        var vectors = MemoryMarshal.Cast<double, Vector<double>>(values);
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] += vectors[i] * factor;
        }

        for (var i = sums.Length * Vector<double>.Count; i < sum.Length; i++)
        {
            sum[i] += values[i] * factor;
        }
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, value => (double)value);

    private static double[] Transposed(float[] values, int rows)
    {
        var columns = values.Length / rows;
        var result = new double[values.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = values[((i % rows) * columns) + (i / rows)];
        }

        return result;
    }
}
