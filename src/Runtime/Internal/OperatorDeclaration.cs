using OrtZero.Onnx;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// A custom operator's declaration, read once and checked, so that the callbacks that ONNX Runtime makes for it only look
/// up values and cannot fail.
/// </summary>
internal sealed class OperatorDeclaration
{
    private const int Required = 0, Optional = 1, Variadic = 2;

    public OperatorDeclaration(OrtApi api, string domain, CustomOperator customOperator)
    {
        Api = api;
        Operator = customOperator;
        Name = customOperator.Name;
        Provider = customOperator.Provider;
        QualifiedName = $"{domain}::{Name}";
        InputTypes = [.. customOperator.Inputs.Select(input => ElementLayout.ToNative(input.Type))];
        OutputTypes = [.. customOperator.Outputs.Select(output => ElementLayout.ToNative(output.Type))];
        InputKinds = [.. customOperator.Inputs.Select(input => input.Variadic ? Variadic : input.Optional ? Optional : Required)];
        OutputKinds = [.. customOperator.Outputs.Select(output => output.Variadic ? Variadic : output.Optional ? Optional : Required)];
        VariadicInputMinimum = customOperator.VariadicInputMinimum;
        VariadicOutputMinimum = customOperator.VariadicOutputMinimum;
        Check();
    }

    public OrtApi Api { get; }

    public CustomOperator Operator { get; }

    public string Name { get; }

    public string? Provider { get; }

    /// <summary>Domain and name, for messages.</summary>
    public string QualifiedName { get; }

    public int[] InputTypes { get; }

    public int[] OutputTypes { get; }

    public int[] InputKinds { get; }

    public int[] OutputKinds { get; }

    public int VariadicInputMinimum { get; }

    public int VariadicOutputMinimum { get; }

    /// <summary>Variadic values of any type may differ in type among each other.</summary>
    public bool VariadicInputsAlike => InputTypes.Length == 0 || InputTypes[^1] != (int)TensorElementType.Undefined;

    private void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(Name);
        if (Name == "Constant")
        {
            throw new ArgumentException($"Operator {QualifiedName} needs another name; ONNX Runtime takes 'Constant' in every domain for its own.");
        }

        if (OutputTypes.Length == 0)
        {
            throw new ArgumentException($"Operator {QualifiedName} declares no output; ONNX Runtime needs one at least.");
        }

        if (InputKinds.SkipLast(1).Contains(Variadic) || OutputKinds.SkipLast(1).Contains(Variadic))
        {
            throw new ArgumentException($"Operator {QualifiedName} declares a variadic value before the last; only the last may be variadic.");
        }

        var anyTyped = InputTypes.Count(type => type == (int)TensorElementType.Undefined);
        for (var i = 0; i < OutputTypes.Length; i++)
        {
            // ONNX Runtime counts earlier outputs of any type as well (custom_ops.cc, CreateSchema).
            if (OutputTypes[i] == (int)TensorElementType.Undefined && anyTyped++ != 1 && OutputKinds[i] == Required)
            {
                throw new ArgumentException(
                    $"Output {i} of operator {QualifiedName} has no type, which needs exactly one input without a type and no such " +
                    "output before it; declare its type.");
            }
        }
    }
}
