using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// Gaussian error linear unit (Hendrycks and Gimpel, "Gaussian Error Linear Units"): x Phi(x). As with PyTorch, minus infinity gives
/// NaN and the derivative at either infinity is NaN: an overflow stays visible.
/// </summary>
internal readonly struct GeluErf : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> x) => x * Transcendental.Normal(x).Cumulative;
}

/// <summary>dy (Phi(x) + x phi(x)).</summary>
internal readonly struct GeluErfGrad : IBinaryFunction
{
    private const float InverseRootOfTwoPi = 0.398942280f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
    {
        var (cumulative, bell) = Transcendental.Normal(x);
        return dy * Vector512.FusedMultiplyAdd(x * Vector512.Create(InverseRootOfTwoPi), bell, cumulative);
    }
}

/// <summary>The approximation of the same paper, x/2 (1 + tanh(u)) = x sigmoid(2u) with u = root(2/pi) (x + 0.044715 x³).</summary>
internal readonly struct GeluTanh : IUnaryFunction
{
    private const float Linear = 1.59576912f;
    private const float Cubic = 0.0713548162f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> x) => x * Transcendental.Sigmoid(TwoU(x)).Value;

    /// <summary>2u = x (2 root(2/pi) + 2 root(2/pi) 0.044715 x²).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> TwoU(Vector512<float> x) =>
        x * Vector512.FusedMultiplyAdd(Vector512.Create(Cubic), x * x, Vector512.Create(Linear));

    /// <summary>The derivative of 2u.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Slope(Vector512<float> x) =>
        Vector512.FusedMultiplyAdd(Vector512.Create(3 * Cubic), x * x, Vector512.Create(Linear));
}

/// <summary>dy s (1 + x (1 - s) (2u)') with s = sigmoid(2u).</summary>
internal readonly struct GeluTanhGrad : IBinaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
    {
        // At 1e12 x² (1 - s) would be infinity times 0; from 100 on the derivative is 0 or 1. NaN and infinity still come through x.
        var bounded = Vector512.MinNative(Vector512.Create(100f), Vector512.MaxNative(Vector512.Create(-100f), x));
        var (s, complement) = Transcendental.Sigmoid(GeluTanh.TwoU(bounded));
        return dy * Vector512.FusedMultiplyAdd(s * x, complement * GeluTanh.Slope(bounded), s);
    }
}
