using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Functions of one variable on sixteen float32 lanes.</summary>
internal static class Transcendental
{
    /// <summary>
    /// The error function, within 1 unit in the last place: two minimax polynomials as published by N. Juffa
    /// (https://stackoverflow.com/a/35148199), the outer one in the exponent.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Erf(Vector512<float> x)
    {
        var t = Vector512.Abs(x);
        var s = x * x;

        var inner = Fma(Vector512.Create(-5.96761703e-4f), s, 4.99119423e-3f);
        inner = Fma(inner, s, -2.67681349e-2f);
        inner = Fma(inner, s, 1.12819925e-1f);
        inner = Fma(inner, s, -3.76125336e-1f);
        inner = Fma(inner, s, 1.28379166e-1f);
        inner = Vector512.FusedMultiplyAdd(inner, x, x);

        var outer = Fma(Vector512.Create(-1.72853470e-5f), t, 3.83197126e-4f);
        var second = Fma(Vector512.Create(-3.88396438e-3f), t, 2.42546219e-2f);
        outer = Vector512.FusedMultiplyAdd(outer, s, second);
        outer = Fma(outer, t, -1.06777877e-1f);
        outer = Fma(outer, t, -6.34846687e-1f);
        outer = Fma(outer, t, -1.28717512e-1f);
        outer = Vector512.FusedMultiplyAdd(outer, t, -t);
        // Beyond 4 the function is 1 in float32; the clamp keeps the polynomial from growing again far outside.
        outer = Vector512.ConditionalSelect(
            Vector512.GreaterThan(t, Vector512.Create(4f)), Vector512<float>.One, Vector512<float>.One - Vector512.Exp(outer));
        outer = Vector512.CopySign(outer, x);

        return Vector512.ConditionalSelect(Vector512.GreaterThan(t, Vector512.Create(0.927734375f)), outer, inner);
    }

    /// <summary>The hyperbolic tangent, with absolute error below 1.2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Tanh(Vector512<float> x)
    {
        var bounded = Vector512.Min(Vector512.Abs(x), Vector512.Create(10f));
        var e = Vector512.Exp(bounded + bounded);
        return Vector512.CopySign(Vector512<float>.One - (Vector512.Create(2f) / (e + Vector512<float>.One)), x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, float c) =>
        Vector512.FusedMultiplyAdd(a, b, Vector512.Create(c));
}
