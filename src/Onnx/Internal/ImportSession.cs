namespace OrtZero.Onnx.Internal;

/// <summary>One import of one model.</summary>
internal sealed class ImportSession(OnnxModel model)
{
    private readonly List<string> _messages = [];

    public ImportReport Run()
    {
        var parameters = model.Graph.Initializer
            .Select(tensor => new ImportedParameter(tensor.Name, tensor.Name, false, tensor.ElementType().IsFloatingPoint()))
            .ToList();
        return new ImportReport(parameters, _messages);
    }
}
