using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>SwiGluGrad(dY, gate, up) -> dGate = dY * up * d silu(gate) / d gate, dUp = dY * silu(gate); all of one shape.</summary>
internal sealed class SwiGluGradOperator : FusedOperator
{
    private const int Lanes = Rows.Lanes;
    private const int ElementsPerChunk = 1 << 13;

    public override string Name => "SwiGluGrad";

    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput, FloatOutput];

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel();

    public override void InferShapes(in ShapeInference shapes)
    {
        SameShape(shapes, input: 1, output: 0);
        SameShape(shapes, input: 1, output: 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> DGate, Vector512<float> DUp) Gradients(Vector512<float> dy, Vector512<float> gate, Vector512<float> up)
    {
        var (s, complement) = Transcendental.Sigmoid(gate);
        return (dy * up * Silu.Derivative(gate, s, complement), dy * (gate * s));
    }

    private sealed class Kernel : CustomKernel
    {
        public override void Compute(in KernelContext context)
        {
            var shape = context.InputShape(1);
            var gate = context.Input<float>(1);
            var dY = context.Input<float>(0);
            var up = context.Input<float>(2);
            Operands.Require("SwiGluGrad", "dY", dY.Length, gate.Length);
            Operands.Require("SwiGluGrad", "up", up.Length, gate.Length);
            context.ParallelFor(Operands.Chunks(gate.Length, ElementsPerChunk), new Chunk
            {
                DY = dY,
                Gate = gate,
                Up = up,
                DGate = context.Output<float>(0, shape),
                DUp = context.Output<float>(1, shape),
            });
        }
    }

    private ref struct Chunk : IParallelBody
    {
        internal required ReadOnlySpan<float> DY;
        internal required ReadOnlySpan<float> Gate;
        internal required ReadOnlySpan<float> Up;
        internal required Span<float> DGate;
        internal required Span<float> DUp;

        public readonly void Invoke(int index)
        {
            var start = index * ElementsPerChunk;
            var length = Math.Min(ElementsPerChunk, Gate.Length - start);
            var whole = length & ~(Lanes - 1);
            Vectors(
                DY.Slice(start, whole), Gate.Slice(start, whole), Up.Slice(start, whole), DGate.Slice(start, whole), DUp.Slice(start, whole));
            if (whole < length)
            {
                Span<float> dY = stackalloc float[Lanes];
                Span<float> gate = stackalloc float[Lanes];
                Span<float> up = stackalloc float[Lanes];
                var tail = (start + whole)..(start + length);
                Tail.Fill(dY, DY[tail]);
                Tail.Fill(gate, Gate[tail]);
                Tail.Fill(up, Up[tail]);
                Vectors(dY, gate, up, gate, up);
                gate[..(length - whole)].CopyTo(DGate[tail]);
                up[..(length - whole)].CopyTo(DUp[tail]);
            }
        }

        // No call may stand beside the loop: vectors that live across one are kept in memory, in the loop too.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Vectors(
            ReadOnlySpan<float> dY, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> dGate, Span<float> dUp)
        {
            ref var dys = ref MemoryMarshal.GetReference(dY);
            ref var gates = ref MemoryMarshal.GetReference(gate);
            ref var ups = ref MemoryMarshal.GetReference(up);
            ref var dGates = ref MemoryMarshal.GetReference(dGate);
            ref var dUps = ref MemoryMarshal.GetReference(dUp);
            for (var i = 0; i < gate.Length; i += Lanes)
            {
                var at = (nuint)i;
                var (gateGradient, upGradient) = Gradients(
                    Vector512.LoadUnsafe(ref dys, at), Vector512.LoadUnsafe(ref gates, at), Vector512.LoadUnsafe(ref ups, at));
                gateGradient.StoreUnsafe(ref dGates, at);
                upGradient.StoreUnsafe(ref dUps, at);
            }
        }
    }
}
