using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>
/// CounterDropout(x, micro_batch; ratio, seed, node = 0) -> y [, mask]: x/(1 - ratio), or 0 with the probability ratio. What is dropped
/// depends on the attributes, the int64 micro_batch and the place of the element alone, so the operator applied to dy is its own gradient
/// and no mask needs to be kept. The random word of element e is word e/8 mod 4 of Philox with the key seed and the counter
/// (8·(e/32) + e mod 8, node, lower and upper half of micro_batch); below ratio·2^32 the element is dropped.
/// </summary>
internal sealed class CounterDropoutOperator : FusedOperator
{
    internal const string OperatorName = "CounterDropout";

    public override string Name => OperatorName;

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Int64];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, new OperatorOutput(TensorElementType.Bool, Optional: true)];

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        var ratio = attributes.GetFloat("ratio", 0.5f);
        return ratio is >= 0 and < 1
            ? new Kernel(ratio, (ulong)attributes.GetInt("seed", 0), (uint)attributes.GetInt("node", 0), attributes.HasOutput(1))
            : throw new OnnxFormatException($"{Name}: ratio is {ratio}; it must be at least 0 and less than 1.");
    }

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, 0, 0);

    private sealed class Kernel(float ratio, ulong seed, uint node, bool hasMask) : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var x = context.Input<float>(0);
            var microBatch = context.Input<long>(1);
            Operands.Require(OperatorName, "micro_batch", microBatch.Length, 1);
            var draw = new Draw(ratio, seed, node, (ulong)microBatch[0]);
            var shape = context.InputShape(0);
            var y = context.Output<float>(0, shape);
            draw.Apply(context, x, y);
            if (hasMask)
            {
                draw.Mask(context.Output<byte>(1, shape));
            }
        }
    }

    /// <summary>The random words of one node in one micro-batch, for groups of 32 elements.</summary>
    internal readonly struct Draw(float ratio, ulong key, uint node, ulong microBatch)
    {
        private const int Group = 32;
        private const int GroupsPerChunk = 256;
        private readonly float _scale = (float)(1 / (1 - (double)ratio));
        private readonly long _threshold = (long)Math.Round(ratio * (double)(1L << 32));

        /// <summary>Drops elements of x on the threads of a run; y may be the same memory.</summary>
        internal void Apply(in KernelContext context, ReadOnlySpan<float> x, Span<float> y) =>
            context.ParallelFor(Operands.Chunks(x.Length, GroupsPerChunk * Group), new Chunk { Draw = this, X = x, Y = y });

        private void Apply(ReadOnlySpan<float> x, Span<float> y, uint first)
        {
            var whole = x.Length & ~(Group - 1);
            Groups(x[..whole], y[..whole], first);
            if (whole < x.Length)
            {
                Span<float> block = stackalloc float[Group];
                Tail.Fill(block, x[whole..]);
                Groups(block, block, first + (uint)(whole / Group));
                block[..(x.Length - whole)].CopyTo(y[whole..]);
            }
        }

        /// <summary>1 for what is kept. Few models read it, so it is not made fast.</summary>
        internal void Mask(Span<byte> mask)
        {
            Span<float> block = stackalloc float[Group];
            for (var start = 0; start < mask.Length; start += Group)
            {
                block.Fill(1);
                Groups(block, block, (uint)(start / Group));
                for (var i = start; i < Math.Min(start + Group, mask.Length); i++)
                {
                    mask[i] = block[i - start] != 0 ? (byte)1 : (byte)0;
                }
            }
        }

        // No call may stand beside the loop: vectors that live across one are kept in memory, in the loop too.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void Groups(ReadOnlySpan<float> x, Span<float> y, uint first)
        {
            ref var xs = ref MemoryMarshal.GetReference(x);
            ref var ys = ref MemoryMarshal.GetReference(y);
            var limit = Vector512.Create(_threshold);
            var factor = Vector512.Create(_scale);
            var counter = Vector512.Create((ulong)first * 8) + Vector512.Create(0UL, 1, 2, 3, 4, 5, 6, 7);
            for (var i = 0; i < x.Length; i += Group)
            {
                var word0 = counter;
                var word1 = Vector512.Create((ulong)node);
                var word2 = Vector512.Create(microBatch & uint.MaxValue);
                var word3 = Vector512.Create(microBatch >> 32);
                Philox.Apply(ref word0, ref word1, ref word2, ref word3, key);
                var kept0 = Vector512.Narrow(Kept(word0, limit), Kept(word1, limit)).AsSingle();
                var kept1 = Vector512.Narrow(Kept(word2, limit), Kept(word3, limit)).AsSingle();
                ((Vector512.LoadUnsafe(ref xs, (nuint)i) * factor) & kept0).StoreUnsafe(ref ys, (nuint)i);
                ((Vector512.LoadUnsafe(ref xs, (nuint)i + 16) * factor) & kept1).StoreUnsafe(ref ys, (nuint)i + 16);
                counter += Vector512.Create(8UL);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<long> Kept(Vector512<ulong> word, Vector512<long> limit) => Vector512.GreaterThanOrEqual(word.AsInt64(), limit);

        private ref struct Chunk : IParallelBody
        {
            internal required Draw Draw;
            internal required ReadOnlySpan<float> X;
            internal required Span<float> Y;

            public readonly void Invoke(int index)
            {
                const int Size = GroupsPerChunk * Group;
                var start = index * Size;
                var length = Math.Min(Size, X.Length - start);
                Draw.Apply(X.Slice(start, length), Y.Slice(start, length), (uint)(index * GroupsPerChunk));
            }
        }
    }
}
