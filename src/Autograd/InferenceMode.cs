using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>Takes a model out of training mode, as evaluation and deployment need it.</summary>
public static class InferenceMode
{
    /// <summary>
    /// Batch normalizations normalize by their running statistics, and dropouts pass everything. Inputs, outputs and names stay the same.
    /// </summary>
    /// <param name="model">The model, changed in place.</param>
    public static void Apply(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Apply(model.Graph);
    }

    private static void Apply(GraphProto graph)
    {
        foreach (var node in graph.Node)
        {
            foreach (var attribute in node.Attribute.Where(attribute => attribute.G is not null))
            {
                Apply(attribute.G);
            }

            if (BatchStatistics.IsTraining(node))
            {
                node.SetInt("training_mode", 0);
                while (node.Output.Count > 1)
                {
                    node.Output.RemoveAt(node.Output.Count - 1);
                }
            }
            else if (node is { OpType: "Dropout", Domain: "" or "ai.onnx", Input.Count: > 2 })
            {
                node.Input.RemoveAt(2);
            }
        }
    }
}
