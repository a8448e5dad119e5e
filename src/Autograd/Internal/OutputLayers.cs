using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Finds the products that a model gives out, but for what is done to every element of them.</summary>
internal static class OutputLayers
{
    // What follows the first input only moves or selects elements, or depends on each by itself.
    private static readonly HashSet<string> s_followed = new(StringComparer.Ordinal)
    {
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Cast", "Slice", "Gather", "Sigmoid", "Tanh", "Softmax", "LogSoftmax",
    };

    private static readonly HashSet<string> s_pointwise = new(StringComparer.Ordinal) { "Add", "Sub", "Mul", "Div" };

    /// <summary>The outputs of the MatMul and Gemm nodes.</summary>
    public static HashSet<string> Find(GraphProto graph, GraphIndex index)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var output in graph.Output)
        {
            var value = output.Name;
            while (index.Producer(value) is { } node)
            {
                if (node.OpType is "MatMul" or "Gemm")
                {
                    found.Add(value);
                    break;
                }

                // Where two computed values meet, as in a residual connection, neither alone is the output.
                var computed = s_pointwise.Contains(node.OpType) ? [.. node.Input.Where(input => !IsConstant(index, input))]
                    : s_followed.Contains(node.OpType) ? node.Input.Take(1).ToList()
                    : [];
                if (computed.Count != 1)
                {
                    break;
                }

                value = computed[0];
            }
        }

        return found;
    }

    private static bool IsConstant(GraphIndex index, string value) => index.Initializer(value) is not null || index.Producer(value)?.OpType == "Constant";
}
