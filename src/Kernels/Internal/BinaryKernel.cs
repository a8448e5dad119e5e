using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>Two inputs and one output, all of one shape.</summary>
internal sealed class BinaryKernel<TFunction>(string operatorName) : CustomKernel
    where TFunction : IBinaryFunction
{
    private const int Lanes = Rows.Lanes;
    private const int ElementsPerChunk = 1 << 13;

    public override void Compute(in KernelContext context)
    {
        var x = context.Input<float>(0);
        var y = context.Input<float>(1);
        Operands.Require(operatorName, "the first input", x.Length, y.Length);
        context.ParallelFor(
            Operands.Chunks(x.Length, ElementsPerChunk), new Chunk { X = x, Y = y, Result = context.Output<float>(0, context.InputShape(1)) });
    }

    internal static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> result)
    {
        var whole = x.Length & ~(Lanes - 1);
        Vectors(x[..whole], y[..whole], result[..whole]);
        if (whole < x.Length)
        {
            Span<float> first = stackalloc float[Lanes];
            Span<float> second = stackalloc float[Lanes];
            Tail.Fill(first, x[whole..]);
            Tail.Fill(second, y[whole..x.Length]);
            Vectors(first, second, first);
            first[..(x.Length - whole)].CopyTo(result[whole..]);
        }
    }

    // No call may stand beside the loop: vectors that live across one are kept in memory, in the loop too.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Vectors(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> result)
    {
        ref var xs = ref MemoryMarshal.GetReference(x);
        ref var ys = ref MemoryMarshal.GetReference(y);
        ref var results = ref MemoryMarshal.GetReference(result);
        for (var i = 0; i < x.Length; i += Lanes)
        {
            var at = (nuint)i;
            TFunction.Invoke(Vector512.LoadUnsafe(ref xs, at), Vector512.LoadUnsafe(ref ys, at)).StoreUnsafe(ref results, at);
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required ReadOnlySpan<float> X;
        internal required ReadOnlySpan<float> Y;
        internal required Span<float> Result;

        public readonly void Invoke(int index)
        {
            var start = index * ElementsPerChunk;
            var length = Math.Min(ElementsPerChunk, X.Length - start);
            Apply(X.Slice(start, length), Y.Slice(start, length), Result.Slice(start, length));
        }
    }
}
