using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

/// <summary>The code of a kernel in a test.</summary>
internal delegate void KernelCode(in KernelContext context);

/// <summary>An operator whose kernel is given by the test.</summary>
internal sealed class LambdaOperator(string name, KernelCode compute) : CustomOperator
{
    public override string Name => name;

    public IReadOnlyList<OperatorInput> DeclaredInputs { get; init; } = [new(TensorElementType.Float)];

    public IReadOnlyList<OperatorOutput> DeclaredOutputs { get; init; } = [new(TensorElementType.Float)];

    public Action<KernelAttributes>? OnCreate { get; init; }

    public Action? OnDispose { get; init; }

    public KernelShapes? Infer { get; init; }

    public override IReadOnlyList<OperatorInput> Inputs => DeclaredInputs;

    public override IReadOnlyList<OperatorOutput> Outputs => DeclaredOutputs;

    public override bool InfersShapes => Infer is not null;

    public override void InferShapes(in ShapeInference shapes) => Infer!(shapes);

    public override CustomKernel CreateKernel(KernelAttributes attributes)
    {
        OnCreate?.Invoke(attributes);
        return new Kernel(compute, OnDispose);
    }

    private sealed class Kernel(KernelCode compute, Action? onDispose) : CustomKernel
    {
        public override void Compute(in KernelContext context) => compute(context);

        protected override void Dispose(bool disposing)
        {
            onDispose?.Invoke();
            base.Dispose(disposing);
        }
    }
}

/// <summary>The shape inference of an operator in a test.</summary>
internal delegate void KernelShapes(in ShapeInference shapes);
