using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>One input, one output of the same shape.</summary>
internal sealed class UnaryKernel<TFunction> : CustomKernel
    where TFunction : IUnaryFunction
{
    private const int Lanes = Rows.Lanes;
    private const int ElementsPerChunk = 1 << 13;

    public override void Compute(in KernelContext context)
    {
        var x = context.Input<float>(0);
        context.ParallelFor(Operands.Chunks(x.Length, ElementsPerChunk), new Chunk { X = x, Y = context.Output<float>(0, context.InputShape(0)) });
    }

    internal static void Apply(ReadOnlySpan<float> x, Span<float> y)
    {
        var whole = x.Length & ~(Lanes - 1);
        Vectors(x[..whole], y[..whole]);
        if (whole < x.Length)
        {
            Span<float> block = stackalloc float[Lanes];
            Tail.Fill(block, x[whole..]);
            Vectors(block, block);
            block[..(x.Length - whole)].CopyTo(y[whole..]);
        }
    }

    // No call may stand beside the loop: vectors that live across one are kept in memory, in the loop too.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Vectors(ReadOnlySpan<float> x, Span<float> y)
    {
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var ys = ref MemoryMarshal.GetReference(y);
        for (var i = 0; i < x.Length; i += Lanes)
        {
            TFunction.Invoke(Vector512.LoadUnsafe(ref xs, (nuint)i)).StoreUnsafe(ref ys, (nuint)i);
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required ReadOnlySpan<float> X;
        internal required Span<float> Y;

        public readonly void Invoke(int index)
        {
            var start = index * ElementsPerChunk;
            var length = Math.Min(ElementsPerChunk, X.Length - start);
            Apply(X.Slice(start, length), Y.Slice(start, length));
        }
    }
}
