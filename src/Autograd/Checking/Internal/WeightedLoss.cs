using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Ends a model in one number: the sum of all elements of all its real outputs, each with a weight of its own, so that no two errors
/// cancel. It is added up in float64, so that its rounding does not hide what is compared.
/// </summary>
internal static class WeightedLoss
{
    public const string Output = "gradient_check_loss";

    /// <summary>The Euclidean norm of the same terms: the size from which rounding errors follow, which are independent of each other.</summary>
    public const string Magnitude = "gradient_check_magnitude";

    /// <summary>Replaces the model's outputs. Returns whether it has any real output to add up.</summary>
    public static bool Attach(OnnxModel model, ValueTable values, int seed)
    {
        var graph = model.Graph;
        var random = new Random(seed);
        var losses = new List<string>();
        var magnitudes = new List<string>();
        foreach (var name in graph.Output.Select(output => output.Name).Distinct(StringComparer.Ordinal))
        {
            if (!values.TryGet(name, out var value) || !value.Type.IsFloatingPoint() || value.ElementCount == 0)
            {
                continue;
            }

            var weights = new double[value.ElementCount];
            for (var i = 0; i < weights.Length; i++)
            {
                weights[i] = (random.NextDouble() + 0.5) * (random.Next(2) == 0 ? -1 : 1);
            }

            var tensor = TensorFactory.Raw($"{Output}_{losses.Count}_weights", TensorElementType.Double, value.Shape, MemoryMarshal.AsBytes<double>(weights));
            graph.Initializer.Add(tensor);
            values.SetConstant(tensor.Name, tensor);
            var wide = Node("Cast", "wide", value.Shape, name).SetInt("to", (int)TensorElementType.Double);
            var weighted = Node("Mul", "weighted", value.Shape, wide.Output[0], tensor.Name);
            losses.Add(Node("ReduceSum", "sum", [], weighted.Output[0]).SetInt("keepdims", 0).Output[0]);
            var square = Node("Mul", "square", value.Shape, weighted.Output[0], weighted.Output[0]);
            magnitudes.Add(Node("ReduceSum", "magnitude", [], square.Output[0]).SetInt("keepdims", 0).Output[0]);
        }

        if (losses.Count == 0)
        {
            return false;
        }

        graph.Output.Clear();
        End(Output, losses, "Identity");
        End(Magnitude, magnitudes, "Sqrt");
        return true;

        NodeProto Node(string operation, string what, long[] shape, params ReadOnlySpan<string> inputs)
        {
            var result = $"{Output}_{losses.Count}_{what}";
            var node = NodeFactory.Create(operation, inputs, [result], result);
            graph.Node.Add(node);
            values.Add(new ValueDescription(result, TensorElementType.Double, shape));
            return node;
        }

        void End(string name, List<string> terms, string operation)
        {
            var total = terms[0];
            for (var i = 1; i < terms.Count; i++)
            {
                var sum = $"{name}_{i}";
                graph.Node.Add(NodeFactory.Create("Add", [total, terms[i]], [sum], sum));
                values.Add(new ValueDescription(sum, TensorElementType.Double, []));
                total = sum;
            }

            graph.Node.Add(NodeFactory.Create(operation, [total], [name], name));
            values.Add(new ValueDescription(name, TensorElementType.Double, []));
            graph.Output.Add(ForwardGraph.Describe(name, TensorElementType.Double, []));
        }
    }
}
