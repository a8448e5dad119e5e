using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// Gaussian error linear unit (Hendrycks and Gimpel, "Gaussian Error Linear Units"): x * Phi(x), exactly through erf or by
/// the tanh approximation of the same paper, and the derivatives of both.
/// </summary>
internal static class GeluMath
{
    private const int Lanes = Rows.Lanes;
    private const float InverseRootOfTwo = 0.70710678118654752f;
    private const float InverseRootOfTwoPi = 0.39894228040143268f;
    private const float RootOfTwoOverPi = 0.79788456080286536f;
    private const float Cubic = 0.044715f;

    internal static void Forward(ReadOnlySpan<float> x, Span<float> y, bool tanh)
    {
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var ys = ref MemoryMarshal.GetReference(y);
        var i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            Value(Vector512.LoadUnsafe(ref xs, (nuint)i), tanh).StoreUnsafe(ref ys, (nuint)i);
        }

        if (i < x.Length)
        {
            Span<float> block = stackalloc float[Lanes];
            block.Clear();
            x[i..].CopyTo(block);
            ref var start = ref MemoryMarshal.GetReference(block);
            Value(Vector512.LoadUnsafe(ref start), tanh).StoreUnsafe(ref start);
            block[..(x.Length - i)].CopyTo(y[i..]);
        }
    }

    internal static void Backward(ReadOnlySpan<float> dY, ReadOnlySpan<float> x, Span<float> dX, bool tanh)
    {
        ref var ds = ref MemoryMarshal.GetReference(dY);
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var targets = ref MemoryMarshal.GetReference(dX);
        var i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            (Vector512.LoadUnsafe(ref ds, at) * Derivative(Vector512.LoadUnsafe(ref xs, at), tanh)).StoreUnsafe(ref targets, at);
        }

        if (i < x.Length)
        {
            Span<float> block = stackalloc float[Lanes];
            block.Clear();
            x[i..].CopyTo(block);
            ref var start = ref MemoryMarshal.GetReference(block);
            Derivative(Vector512.LoadUnsafe(ref start), tanh).StoreUnsafe(ref start);
            for (var k = i; k < x.Length; k++)
            {
                dX[k] = dY[k] * block[k - i];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Value(Vector512<float> x, bool tanh)
    {
        var s = tanh ? Transcendental.Tanh(Inner(x)) : Transcendental.Erf(x * Vector512.Create(InverseRootOfTwo));
        return Vector512.Create(0.5f) * x * (Vector512<float>.One + s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Derivative(Vector512<float> x, bool tanh)
    {
        var half = Vector512.Create(0.5f);
        if (!tanh)
        {
            var phi = half * (Vector512<float>.One + Transcendental.Erf(x * Vector512.Create(InverseRootOfTwo)));
            var density = Vector512.Exp(x * x * Vector512.Create(-0.5f)) * Vector512.Create(InverseRootOfTwoPi);
            return Vector512.FusedMultiplyAdd(x, density, phi);
        }

        var t = Transcendental.Tanh(Inner(x));
        var slope = Vector512.Create(RootOfTwoOverPi) * Vector512.FusedMultiplyAdd(Vector512.Create(3 * Cubic), x * x, Vector512<float>.One);
        return (half * (Vector512<float>.One + t)) + (half * x * (Vector512<float>.One - (t * t)) * slope);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Inner(Vector512<float> x) =>
        Vector512.Create(RootOfTwoOverPi) * Vector512.FusedMultiplyAdd(Vector512.Create(Cubic) * x * x, x, x);
}
