using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels.Internal;

/// <summary>The last, incomplete vector of a span. It goes through the same vector code as the rest: a scalar version could round differently.</summary>
internal static class Tail
{
    /// <summary>Fewer than sixteen elements, the other lanes set to <paramref name="fill"/>.</summary>
    internal static Vector512<float> Load(ReadOnlySpan<float> elements, float fill = 0)
    {
        Span<float> block = stackalloc float[Vector512<float>.Count];
        block[elements.Length..].Fill(fill);
        elements.CopyTo(block);
        return Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(block));
    }

    /// <summary>Writes as many lanes as the span has room for.</summary>
    internal static void Store(Vector512<float> lanes, Span<float> elements)
    {
        Span<float> block = stackalloc float[Vector512<float>.Count];
        lanes.StoreUnsafe(ref MemoryMarshal.GetReference(block));
        block[..elements.Length].CopyTo(elements);
    }
}
