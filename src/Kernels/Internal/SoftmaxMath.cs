using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Gradient of a softmax from its result: dX = Y * (dY - sum(dY * Y)).</summary>
internal static class SoftmaxMath
{
    private const int Lanes = Rows.Lanes;

    /// <summary>Along a contiguous row.</summary>
    internal static void BackwardRow(ReadOnlySpan<float> dY, ReadOnlySpan<float> y, Span<float> dX)
    {
        var dot = Rows.Dot(dY, y);
        ref var ds = ref MemoryMarshal.GetReference(dY);
        ref var ys = ref MemoryMarshal.GetReference(y);
        ref var targets = ref MemoryMarshal.GetReference(dX[..y.Length]);
        var dots = Vector512.Create(dot);
        var i = 0;
        for (; i <= y.Length - Lanes; i += Lanes)
        {
            var at = (nuint)i;
            (Vector512.LoadUnsafe(ref ys, at) * (Vector512.LoadUnsafe(ref ds, at) - dots)).StoreUnsafe(ref targets, at);
        }

        for (; i < y.Length; i++)
        {
            dX[i] = y[i] * (dY[i] - dot);
        }
    }

    /// <summary>Along the first axis of a [length, inner] block, sixteen columns at a time.</summary>
    internal static void BackwardColumns(ReadOnlySpan<float> dY, ReadOnlySpan<float> y, Span<float> dX, int inner)
    {
        var column = 0;
        for (; column <= inner - Lanes; column += Lanes)
        {
            var dots = Vector512<float>.Zero;
            for (var i = column; i < y.Length; i += inner)
            {
                dots = Vector512.FusedMultiplyAdd(Vector512.Create(dY.Slice(i, Lanes)), Vector512.Create(y.Slice(i, Lanes)), dots);
            }

            for (var i = column; i < y.Length; i += inner)
            {
                (Vector512.Create(y.Slice(i, Lanes)) * (Vector512.Create(dY.Slice(i, Lanes)) - dots)).CopyTo(dX[i..]);
            }
        }

        for (; column < inner; column++)
        {
            var dot = 0f;
            for (var i = column; i < y.Length; i += inner)
            {
                dot = MathF.FusedMultiplyAdd(dY[i], y[i], dot);
            }

            for (var i = column; i < y.Length; i += inner)
            {
                dX[i] = y[i] * (dY[i] - dot);
            }
        }
    }
}
