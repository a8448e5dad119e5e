using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>Gradient of a softmax along a row, from its result.</summary>
internal static class SoftmaxMath
{
    private const int Lanes = Rows.Lanes;

    internal static void BackwardRow(ReadOnlySpan<float> dY, ReadOnlySpan<float> y, Span<float> dX)
    {
        var dot = Rows.Dot(dY, y);
        ref var ds = ref MemoryMarshal.GetReference(dY);
        ref var ys = ref MemoryMarshal.GetReference(y);
        ref var targets = ref MemoryMarshal.GetReference(dX);
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
}
