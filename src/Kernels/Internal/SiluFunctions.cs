using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Sigmoid linear unit (swish), x sigmoid(x).</summary>
internal readonly struct Silu : IUnaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> x) => x * Transcendental.Sigmoid(x).Value;

    /// <summary>s (1 + x (1 - s)) with s = sigmoid(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Derivative(Vector512<float> x, Vector512<float> s, Vector512<float> complement) =>
        Vector512.FusedMultiplyAdd(s * x, complement, s);
}

/// <summary>dy times the derivative of <see cref="Silu"/> at x.</summary>
internal readonly struct SiluGrad : IBinaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> dy, Vector512<float> x)
    {
        var (s, complement) = Transcendental.Sigmoid(x);
        return dy * Silu.Derivative(x, s, complement);
    }
}

/// <summary>The gated unit of Shazeer, "GLU Variants Improve Transformer", without its matrices: silu(gate) up.</summary>
internal readonly struct SwiGlu : IBinaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Invoke(Vector512<float> gate, Vector512<float> up) => Silu.Invoke(gate) * up;
}
