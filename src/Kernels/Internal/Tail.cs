namespace OrtZero.Kernels.Internal;

/// <summary>
/// The last, incomplete vector of a span. Where a function is computed it goes through the same vector code as the rest: a scalar version
/// could round differently.
/// </summary>
internal static class Tail
{
    /// <summary>Copies fewer elements than <paramref name="block"/> holds to its start, and sets the others to <paramref name="fill"/>.</summary>
    internal static void Fill(Span<float> block, ReadOnlySpan<float> elements, float fill = 0)
    {
        elements.CopyTo(block);
        block[elements.Length..].Fill(fill);
    }
}
