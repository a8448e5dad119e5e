using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Internal;

/// <summary>X -> Y, element by element.</summary>
internal abstract class UnaryOperator : FusedOperator
{
    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 0, output: 0);
}

/// <summary>Two inputs and an output of one shape, element by element.</summary>
internal abstract class BinaryOperator : FusedOperator
{
    public override IReadOnlyList<OperatorInput> Inputs { get; } = [Float, Float];

    public override IReadOnlyList<OperatorOutput> Outputs { get; } = [FloatOutput];

    public override void InferShapes(in ShapeInference shapes) => SameShape(shapes, input: 1, output: 0);
}

/// <summary>Gelu(X; approximate = "none" | "tanh"): as ONNX's Gelu-20, at any opset.</summary>
internal sealed class GeluOperator : UnaryOperator
{
    public override string Name => "Gelu";

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        IsTanh(attributes) ? new UnaryKernel<GeluTanh>() : new UnaryKernel<GeluErf>();

    internal static bool IsTanh(KernelAttributes attributes) => attributes.GetString("approximate", "none") switch
    {
        "none" => false,
        "tanh" => true,
        var other => throw new OnnxFormatException(
            $"Node '{attributes.NodeName}': approximate is \"{other}\", but must be \"none\" or \"tanh\"."),
    };
}

/// <summary>GeluGrad(dY, X; approximate = "none" | "tanh"): dX = dY * d gelu(X) / dX.</summary>
internal sealed class GeluGradOperator : BinaryOperator
{
    public override string Name => "GeluGrad";

    public override CustomKernel CreateKernel(KernelAttributes attributes) =>
        GeluOperator.IsTanh(attributes) ? new BinaryKernel<GeluTanhGrad>(Name) : new BinaryKernel<GeluErfGrad>(Name);
}

/// <summary>Silu(X): X * sigmoid(X).</summary>
internal sealed class SiluOperator : UnaryOperator
{
    public override string Name => "Silu";

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new UnaryKernel<Silu>();
}

/// <summary>SiluGrad(dY, X): dX = dY * d silu(X) / dX.</summary>
internal sealed class SiluGradOperator : BinaryOperator
{
    public override string Name => "SiluGrad";

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new BinaryKernel<SiluGrad>(Name);
}

/// <summary>SwiGlu(gate, up): silu(gate) * up, both of one shape.</summary>
internal sealed class SwiGluOperator : BinaryOperator
{
    public override string Name => "SwiGlu";

    public override CustomKernel CreateKernel(KernelAttributes attributes) => new BinaryKernel<SwiGlu>(Name);
}
