using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// Functions of one variable on sixteen float32 lanes. Only operations that round the same way everywhere are used, so results do not
/// depend on the machine's vector width. The polynomials are minimax fits (iteratively reweighted least squares against float64, each
/// coefficient rounded to float32 before the next is fitted).
/// </summary>
internal static class Transcendental
{
    private const float Log2E = 1.44269504f;
    private const float LnTwo = 0.693147182f;
    private const float LnTwoRest = -1.90465430e-9f;

    /// <summary>
    /// e^x within 1 unit in the last place, down to subnormal results; NaN stays NaN. x = n ln 2 + r with |r| at most ln(2)/2,
    /// e^x = 2^n (1 + r + r² q(r)).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
    {
        // Beyond these bounds the result is 0 or infinite. The native minimum gives its second operand when there is a NaN.
        x = Vector512.MinNative(Vector512.Create(89f), Vector512.MaxNative(Vector512.Create(-105f), x));
        var n = Vector512.Round(x * Vector512.Create(Log2E));
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-LnTwo), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-LnTwoRest), r);
        var q = Fma(Vector512.Create(0.00138198258f), r, 0.00836868677f);
        q = Fma(q, r, 0.0416682772f);
        q = Fma(q, r, 0.166665211f);
        q = Fma(q, r, 0.49999994f);
        return TimesPowerOfTwo(Vector512.FusedMultiplyAdd(r * r, q, r) + Vector512<float>.One, n);
    }

    /// <summary>1 / (1 + e^-x) and 1 minus that, both to full relative accuracy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector512<float> Value, Vector512<float> Complement) Sigmoid(Vector512<float> x)
    {
        var e = Exp(-Vector512.Abs(x));
        var large = Vector512<float>.One / (Vector512<float>.One + e);
        var small = e * large;
        var negative = Vector512.LessThan(x, Vector512<float>.Zero);
        return (Vector512.ConditionalSelect(negative, small, large), Vector512.ConditionalSelect(negative, large, small));
    }

    /// <summary>
    /// The standard normal distribution: Phi(x), within about 5 units in the last place even where it is tiny, and
    /// exp(-x²/2), its density times the root of 2 pi.
    /// </summary>
    /// <remarks>
    /// For t = |x|, Phi(-t) = exp(-t²/2) m(t), where the Mills ratio m falls like 1/t: m(t) = Q(v) / (t + 5/2) with
    /// v = (t - 5/2) / (t + 5/2). An erf would cost a second exponential and cancel for negative x.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector512<float> Cumulative, Vector512<float> Bell) Normal(Vector512<float> x)
    {
        // Beyond 15 both are 0 or 1 in float32, and the square of a large number must not become infinite.
        var t = Vector512.MinNative(Vector512.Create(15f), Vector512.Abs(x));
        var square = t * t;
        var lost = Vector512.FusedMultiplyAdd(t, t, -square);
        var e = Exp(square * Vector512.Create(-0.5f));
        var bell = Vector512.FusedMultiplyAdd(lost * Vector512.Create(-0.5f), e, e);

        var w = Vector512<float>.One / (t + Vector512.Create(2.5f));
        var v = (t - Vector512.Create(2.5f)) * w;
        var m = Fma(Vector512.Create(-0.0001728723f), v, -0.000326604291f);
        m = Fma(m, v, 0.000705112587f);
        m = Fma(m, v, 0.002543048f);
        m = Fma(m, v, -0.00161091168f);
        m = Fma(m, v, -0.0163940247f);
        m = Fma(m, v, 0.00923786219f);
        m = Fma(m, v, 0.131988049f);
        m = Fma(m, v, -0.433692127f);
        m = Fma(m, v, 0.706656635f);
        var tail = bell * (m * w);
        return (Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail), bell);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> TimesPowerOfTwo(Vector512<float> x, Vector512<float> n)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Scale(x, n);
        }

        // Two factors, because 2^n alone may be subnormal or infinite; the first product is exact.
        var whole = Vector512.ConvertToInt32(n);
        var half = whole >> 1;
        return x * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> PowerOfTwo(Vector512<int> exponent) => ((exponent + Vector512.Create(127)) << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, float c) =>
        Vector512.FusedMultiplyAdd(a, b, Vector512.Create(c));
}
