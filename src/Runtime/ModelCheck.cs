using OrtZero.Onnx;

namespace OrtZero.Runtime;

/// <summary>Lets ONNX Runtime say what is wrong with a model, without running it.</summary>
public static class ModelCheck
{
    /// <summary>Larger weights take no part: their types and shapes do.</summary>
    private const int MaximumElements = 65536;

    /// <summary>Opens a session on the model, which finds unknown operators, types and shapes that do not fit, and wrong attributes.</summary>
    /// <param name="environment">The environment to open it in.</param>
    /// <param name="model">The model; it is not changed.</param>
    /// <param name="options">For models with custom operators; graph optimization should be None.</param>
    /// <exception cref="OnnxFormatException">ONNX Runtime does not accept the model; the message names its file and the node.</exception>
    public static void Open(OrtEnvironment environment, OnnxModel model, OrtSessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var light = model.Clone();
        foreach (var tensor in light.Graph.Initializer.Where(tensor => tensor.ElementCount() > MaximumElements).ToList())
        {
            light.Graph.Initializer.Remove(tensor);
            light.Graph.Input.Add(ValueInfos.Create(tensor.Name, tensor.ElementType(), tensor.Shape().AsSpan()));
        }

        try
        {
            OrtSession.Open(environment, light, options).Dispose();
        }
        catch (OrtException exception)
        {
            throw new OnnxFormatException($"{model.Path ?? "The model"} is no model that ONNX Runtime {environment.Library.Version} accepts: {exception.Message}", exception);
        }
    }
}
