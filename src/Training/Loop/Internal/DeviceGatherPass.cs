using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Internal;

/// <summary>
/// Stage 3 on a device: gathers and reductions run on the CPU, and ONNX Runtime copies what they read and give. A gather only waits for
/// the activations it reads, so one element of each is copied in place of all.
/// </summary>
internal static class DeviceGatherPass
{
    private const string Prefix = "ortzero_waits";

    /// <summary>Changes a graph whose gradients end in ReduceGrad nodes and whose parameters begin in GatherParam nodes.</summary>
    internal static void Apply(TrainingGraph graph)
    {
        var model = graph.Model.Graph;
        var tokens = model.Node.Where(node => node.Domain == KernelLibrary.Domain && node.OpType is "GatherParam" or "ReduceGrad")
            .SelectMany(node => node.Output).ToHashSet(StringComparer.Ordinal);
        var elements = new Dictionary<string, string>(StringComparer.Ordinal);
        var nodes = new List<NodeProto>(model.Node.Count);
        foreach (var node in model.Node)
        {
            if (node.OpType == "GatherParam" && node.Domain == KernelLibrary.Domain)
            {
                for (var i = 0; i < node.Input.Count; i++)
                {
                    node.Input[i] = tokens.Contains(node.Input[i]) ? node.Input[i] : Element(node.Input[i]);
                }
            }

            nodes.Add(node);
        }

        model.Node.Clear();
        model.Node.AddRange(nodes);
        if (elements.Count > 0)
        {
            model.SetInitializer(TensorFactory.Vector($"{Prefix}/all", -1));
            model.SetInitializer(TensorFactory.Vector($"{Prefix}/begin", 0));
            model.SetInitializer(TensorFactory.Vector($"{Prefix}/end", 1));
        }

        string Element(string value)
        {
            if (!elements.TryGetValue(value, out var element))
            {
                var flat = $"{Prefix}/{elements.Count}/flat";
                elements[value] = element = $"{Prefix}/{elements.Count}/element";
                nodes.Add(NodeFactory.Create("Reshape", [value, $"{Prefix}/all"], [flat], flat));
                nodes.Add(NodeFactory.Create("Slice", [flat, $"{Prefix}/begin", $"{Prefix}/end"], [element], element));
            }

            return element;
        }
    }
}
