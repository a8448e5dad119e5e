using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace OrtZero.Kernels;

/// <summary>
/// Runs an <see cref="IElementwiseRule"/> over spans. The end of a span goes through the same vector code as the rest, so the
/// result does not depend on where a range begins or ends.
/// </summary>
public static class ElementwiseKernel
{
    private const int Lanes = 16;

    /// <summary>Updates weights and states in place.</summary>
    /// <param name="rule">The formula with its constants.</param>
    /// <param name="weights">Any number of weights.</param>
    /// <param name="gradients">As many gradients.</param>
    /// <param name="first">As many elements of the first state, or none when the rule has no such state.</param>
    /// <param name="second">The same for the second state.</param>
    /// <param name="third">The same for the third state.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Run<TRule>(
        in TRule rule, Span<float> weights, ReadOnlySpan<float> gradients, Span<float> first = default, Span<float> second = default, Span<float> third = default)
        where TRule : struct, IElementwiseRule
    {
        var length = weights.Length;
        if (gradients.Length != length || !Fits(first, length) || !Fits(second, length) || !Fits(third, length))
        {
            throw new ArgumentException(
                $"An update of {length} weights needs as many gradients ({gradients.Length}) and as many elements of each state it has ({first.Length}, {second.Length}, {third.Length}).");
        }

        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var w = Load(weights, i);
            var (a, b, c) = (Load(first, i), Load(second, i), Load(third, i));
            rule.Apply(ref w, Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(gradients), (nuint)i), ref a, ref b, ref c);
            Store(w, weights, i);
            Store(a, first, i);
            Store(b, second, i);
            Store(c, third, i);
        }

        if (i < length)
        {
            RunTail(rule, weights[i..], gradients[i..], Tail(first, i), Tail(second, i), Tail(third, i));
        }
    }

    private static void RunTail<TRule>(
        in TRule rule, Span<float> weights, ReadOnlySpan<float> gradients, Span<float> first, Span<float> second, Span<float> third)
        where TRule : struct, IElementwiseRule
    {
        Span<float> block = stackalloc float[5 * Lanes];
        block.Clear();
        weights.CopyTo(block);
        first.CopyTo(block[Lanes..]);
        second.CopyTo(block[(2 * Lanes)..]);
        third.CopyTo(block[(3 * Lanes)..]);
        gradients.CopyTo(block[(4 * Lanes)..]);
        var w = Load(block, 0);
        var (a, b, c) = (Load(block, Lanes), Load(block, 2 * Lanes), Load(block, 3 * Lanes));
        rule.Apply(ref w, Load(block, 4 * Lanes), ref a, ref b, ref c);
        Store(w, block, 0);
        Store(a, block, Lanes);
        Store(b, block, 2 * Lanes);
        Store(c, block, 3 * Lanes);
        block[..weights.Length].CopyTo(weights);
        block.Slice(Lanes, first.Length).CopyTo(first);
        block.Slice(2 * Lanes, second.Length).CopyTo(second);
        block.Slice(3 * Lanes, third.Length).CopyTo(third);
    }

    private static bool Fits(Span<float> state, int length) => state.IsEmpty || state.Length == length;

    private static Span<float> Tail(Span<float> state, int start) => state.IsEmpty ? state : state[start..];

    private static Vector512<float> Load(Span<float> values, int index) =>
        values.IsEmpty ? default : Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(values), (nuint)index);

    private static void Store(Vector512<float> vector, Span<float> values, int index)
    {
        if (!values.IsEmpty)
        {
            vector.StoreUnsafe(ref MemoryMarshal.GetReference(values), (nuint)index);
        }
    }
}
