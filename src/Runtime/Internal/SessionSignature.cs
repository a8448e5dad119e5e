using OrtZero.Onnx;

namespace OrtZero.Runtime.Internal;

/// <summary>The inputs and outputs of a session, and checks of tensors against them with messages that name everything.</summary>
internal sealed class SessionSignature
{
    private readonly Dictionary<string, ValueDescription> _inputs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ValueDescription> _outputs = new(StringComparer.Ordinal);

    public SessionSignature(ValueDescription[] inputs, ValueDescription[] overridable, ValueDescription[] outputs)
    {
        Inputs = inputs;
        Outputs = outputs;
        foreach (var input in inputs.Concat(overridable))
        {
            _inputs[input.Name] = input;
        }

        foreach (var output in outputs)
        {
            _outputs[output.Name] = output;
        }
    }

    public IReadOnlyList<ValueDescription> Inputs { get; }

    public IReadOnlyList<ValueDescription> Outputs { get; }

    public static SessionSignature Read(OrtApi api, nint session) => new(
        ValueReader.Describe(api, session, OrtFunction.SessionGetInputCount, OrtFunction.SessionGetInputName, OrtFunction.SessionGetInputTypeInfo),
        ValueReader.Describe(
            api,
            session,
            OrtFunction.SessionGetOverridableInitializerCount,
            OrtFunction.SessionGetOverridableInitializerName,
            OrtFunction.SessionGetOverridableInitializerTypeInfo),
        ValueReader.Describe(api, session, OrtFunction.SessionGetOutputCount, OrtFunction.SessionGetOutputName, OrtFunction.SessionGetOutputTypeInfo));

    public void CheckInput(string name, OrtTensor tensor) => Check("input", "inputs", _inputs, Inputs, name, tensor);

    public void CheckOutput(string name, OrtTensor? tensor) => Check("output", "outputs", _outputs, Outputs, name, tensor);

    /// <summary>Every input without a default must be given.</summary>
    public void CheckComplete(IReadOnlyDictionary<string, OrtTensor> given)
    {
        foreach (var input in Inputs)
        {
            if (!given.ContainsKey(input.Name))
            {
                throw new OrtException(
                    OrtErrorCode.InvalidArgument,
                    $"Input '{input.Name}' ({input.Type} [{ElementLayout.Format(input.Shape)}]) was not given.");
            }
        }
    }

    private static void Check(
        string one,
        string many,
        Dictionary<string, ValueDescription> known,
        IReadOnlyList<ValueDescription> listed,
        string name,
        OrtTensor? tensor)
    {
        if (!known.TryGetValue(name, out var expected))
        {
            throw new OrtException(
                OrtErrorCode.InvalidArgument,
                $"The model has no {one} '{name}'; its {many} are {string.Join(", ", listed.Select(value => $"'{value.Name}'"))}.");
        }

        if (tensor is null || expected.Type == TensorElementType.Undefined)
        {
            return;
        }

        if (tensor.ElementType != expected.Type)
        {
            throw new OrtException(
                OrtErrorCode.InvalidArgument,
                $"The model's {one} '{name}' is of type {expected.Type}, but the given tensor is of type {tensor.ElementType}.");
        }

        var fits = tensor.Dimensions.Length == expected.Shape.Length;
        for (var i = 0; fits && i < expected.Shape.Length; i++)
        {
            fits = expected.Shape[i] < 0 || expected.Shape[i] == tensor.Dimensions[i];
        }

        // A session cannot tell a scalar from an unknown rank, so an empty shape expects nothing of other ranks.
        if (!fits && expected.Shape.Length > 0)
        {
            throw new OrtException(
                OrtErrorCode.InvalidArgument,
                $"The model's {one} '{name}' has shape [{ElementLayout.Format(expected.Shape)}], " +
                $"but the given tensor has shape [{ElementLayout.Format(tensor.Dimensions)}].");
        }
    }
}
