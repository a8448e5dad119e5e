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
            var i = index * ElementsPerChunk;
            var end = i + Math.Min(ElementsPerChunk, Gate.Length - i);
            ref var dys = ref MemoryMarshal.GetReference(DY);
            ref var gates = ref MemoryMarshal.GetReference(Gate);
            ref var ups = ref MemoryMarshal.GetReference(Up);
            ref var dGates = ref MemoryMarshal.GetReference(DGate);
            ref var dUps = ref MemoryMarshal.GetReference(DUp);
            for (; i <= end - Lanes; i += Lanes)
            {
                var at = (nuint)i;
                var (dGate, dUp) = Gradients(
                    Vector512.LoadUnsafe(ref dys, at), Vector512.LoadUnsafe(ref gates, at), Vector512.LoadUnsafe(ref ups, at));
                dGate.StoreUnsafe(ref dGates, at);
                dUp.StoreUnsafe(ref dUps, at);
            }

            if (i < end)
            {
                var (dGate, dUp) = Gradients(Tail.Load(DY[i..end]), Tail.Load(Gate[i..end]), Tail.Load(Up[i..end]));
                Tail.Store(dGate, DGate[i..end]);
                Tail.Store(dUp, DUp[i..end]);
            }
        }
    }
}
