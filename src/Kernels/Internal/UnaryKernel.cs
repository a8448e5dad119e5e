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
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var ys = ref MemoryMarshal.GetReference(y[..x.Length]);
        var i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            TFunction.Invoke(Vector512.LoadUnsafe(ref xs, (nuint)i)).StoreUnsafe(ref ys, (nuint)i);
        }

        if (i < x.Length)
        {
            Tail.Store(TFunction.Invoke(Tail.Load(x[i..])), y[i..x.Length]);
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
