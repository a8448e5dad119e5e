using OrtZero.Onnx;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// A model whose large float initializers are inputs, fed with zeros that take no memory: to learn shapes nobody needs the weights, and a
/// session would hold two more copies of them.
/// </summary>
internal sealed class StandInWeights : IDisposable
{
    private readonly AlignedBuffer? _zeros;

    /// <param name="model">The model; it is not changed.</param>
    /// <param name="isWanted">False: the model itself runs, with its own weights.</param>
    public StandInWeights(OnnxModel model, bool isWanted)
    {
        var taken = model.Graph.Input.Concat(model.Graph.Output).Select(value => value.Name).ToHashSet(StringComparer.Ordinal);
        var large = model.Graph.Initializer.Where(tensor => isWanted && tensor.ElementCount() > ModelProbe.MaximumConstantElements
            && tensor.ElementType() is TensorElementType.Float or TensorElementType.Double or TensorElementType.Float16 or TensorElementType.BFloat16
            && !taken.Contains(tensor.Name)).ToList();
        if (large.Count == 0)
        {
            Model = model;
            return;
        }

        Model = model.Clone();
        var names = large.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var others = Model.Graph.Initializer.Where(tensor => !names.Contains(tensor.Name)).ToList();
        Model.Graph.Initializer.Clear();
        Model.Graph.Initializer.AddRange(others);

        // The system gives memory that is only read one page of zeros for all of it.
        _zeros = new AlignedBuffer(large.Max(tensor => tensor.ElementType().SizeInBytes(tensor.ElementCount())));
        foreach (var tensor in large)
        {
            Model.Graph.Input.Add(ValueInfos.Create(tensor.Name, tensor.ElementType(), tensor.Shape()));
            Tensors.Add(tensor.Name, OrtTensor.Wrap(_zeros, 0, tensor.ElementType(), tensor.Shape()));
        }
    }

    /// <summary>The model to run, which is the one given where it has no large initializers.</summary>
    public OnnxModel Model { get; }

    /// <summary>The zeros, by the names of the initializers.</summary>
    public Dictionary<string, OrtTensor> Tensors { get; } = new(StringComparer.Ordinal);

    public void Dispose()
    {
        foreach (var tensor in Tensors.Values)
        {
            tensor.Dispose();
        }

        _zeros?.Dispose();
    }
}
