using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// The loss as a function of the parameters: the model as it stands, run by ONNX Runtime, with the parameters as inputs that can be moved.
/// </summary>
internal sealed class ForwardFunction : IDisposable
{
    private readonly OrtSession _session;
    private readonly Dictionary<string, OrtTensor> _inputs;

    public ForwardFunction(
        OrtEnvironment environment, OrtSessionOptions options, OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs,
        IReadOnlyCollection<string> parameters)
    {
        var open = model.Clone();
        var tensors = inputs.ToDictionary(StringComparer.Ordinal);
        var wanted = parameters.ToHashSet(StringComparer.Ordinal);
        foreach (var tensor in open.Graph.Initializer.Where(tensor => wanted.Contains(tensor.Name)).ToList())
        {
            tensors[tensor.Name] = tensor;
            open.Graph.Initializer.Remove(tensor);
            if (open.Graph.Input.All(input => input.Name != tensor.Name))
            {
                open.Graph.Input.Add(ForwardGraph.Describe(tensor.Name, tensor.ElementType(), tensor.Shape()));
            }
        }

        _session = OrtSession.Open(environment, open, options);
        var taken = _session.Inputs.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        _inputs = tensors.Where(pair => taken.Contains(pair.Key))
            .ToDictionary(pair => pair.Key, pair => OrtTensor.FromProto(pair.Value), StringComparer.Ordinal);
    }

    /// <summary>The loss and the size of its terms.</summary>
    public (double Loss, double Magnitude) Evaluate()
    {
        var results = _session.Run(_inputs);
        try
        {
            return (results[0].Span<double>()[0], results[1].Span<double>()[0]);
        }
        finally
        {
            foreach (var result in results)
            {
                result.Dispose();
            }
        }
    }

    /// <summary>One parameter, to be moved.</summary>
    public MovableParameter Parameter(string name) => new(this, _inputs[name]);

    public void Dispose()
    {
        _session.Dispose();
        foreach (var tensor in _inputs.Values)
        {
            tensor.Dispose();
        }
    }
}
