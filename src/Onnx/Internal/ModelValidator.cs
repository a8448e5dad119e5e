using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>What is checked when a model is read, before anything looks into it.</summary>
internal static class ModelValidator
{
    public static void CheckHeader(ModelProto model)
    {
        if (model.Graph is null)
        {
            throw new OnnxFormatException("This is not an ONNX model: it has no graph; export or copy it again.");
        }

        if (model.IrVersion is < OnnxModel.MinimumIrVersion or > OnnxModel.MaximumIrVersion)
        {
            throw new OnnxFormatException(
                $"The model has IR version {model.IrVersion}; versions {OnnxModel.MinimumIrVersion} to {OnnxModel.MaximumIrVersion} are supported, so export it with one of these.");
        }

        if (model.OpsetImport.Count == 0)
        {
            throw new OnnxFormatException("The model imports no operator set, so its operators have no meaning; export it again.");
        }
    }

    public static void CheckTensors(ModelProto model)
    {
        foreach (var tensor in TensorWalker.All(model))
        {
            TensorData.Check(tensor);
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in model.Graph.Initializer)
        {
            if (tensor.Name.Length == 0)
            {
                throw new OnnxFormatException($"An initializer of {tensor.Describe()} has no name; export the model again.");
            }

            if (!names.Add(tensor.Name))
            {
                throw new OnnxFormatException($"Two initializers are named '{tensor.Name}'; names must be unique, so export the model again.");
            }
        }
    }
}
