using System.Numerics.Tensors;

namespace OrtZero.Sharding.Internal;

/// <summary>Arithmetic over long stretches.</summary>
internal static class VectorMath
{
    /// <summary>Adds source to target, element by element.</summary>
    public static void Add(Span<float> target, ReadOnlySpan<float> source) => TensorPrimitives.Add(target, source, target);

    /// <summary>The sum of squares in float64, in an order fixed by the length alone.</summary>
    public static double SumOfSquares(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}

/// <summary>AdamW in PyTorch's order of operations.</summary>
internal static class AdamWKernel
{
    public static void Update(Span<float> w, ReadOnlySpan<float> g, Span<float> m, Span<float> v, in AdamWParameters p)
    {
        var keep = (float)(1 - (p.LearningRate * p.WeightDecay));
        var (take1, beta2, take2) = ((float)(1 - p.Beta1), (float)p.Beta2, (float)(1 - p.Beta2));
        var (root2, epsilon) = ((float)Math.Sqrt(p.BiasCorrection2), (float)p.Epsilon);
        var size = (float)(p.LearningRate / p.BiasCorrection1);
        for (var i = 0; i < w.Length; i++)
        {
            var gradient = g[i] * p.GradientScale;
            m[i] += take1 * (gradient - m[i]);
            v[i] = (beta2 * v[i]) + (take2 * gradient * gradient);
            w[i] = (w[i] * keep) - (size * (m[i] / ((MathF.Sqrt(v[i]) / root2) + epsilon)));
        }
    }
}

/// <summary>The settings of one range for one update.</summary>
internal readonly record struct AdamWParameters
{
    public required double LearningRate { get; init; }

    public required double Beta1 { get; init; }

    public required double Beta2 { get; init; }

    public required double Epsilon { get; init; }

    public required double WeightDecay { get; init; }

    public required double BiasCorrection1 { get; init; }

    public required double BiasCorrection2 { get; init; }

    public required float GradientScale { get; init; }
}
