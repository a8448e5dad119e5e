using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Mean and variance of a batch, per channel, and the running statistics that follow from them.</summary>
internal static class BatchStatistics
{
    private const double Overwritten = -0.7390851332151607;

    public static bool IsTraining(NodeProto node) =>
        node is { OpType: "BatchNormalization", Domain: "" or "ai.onnx" } && node.GetInt("training_mode", 0) != 0;

    /// <summary>Every axis but that of the channels.</summary>
    public static long[] Axes(Value x) => [.. Shapes.Range(x.Shape.Length).Where(axis => axis != 1)];

    /// <summary>The mean and x minus it; the mean has length 1 along all axes but the channels'.</summary>
    public static (Value Mean, Value Centered) Center(GraphEmitter graph, Value x)
    {
        var mean = graph.Mul(graph.ReduceSum(x, Axes(x)), 1.0 / Count(x));
        return (mean, graph.Sub(x, mean));
    }

    /// <summary>The population variance, in the shape of the mean.</summary>
    public static Value Variance(GraphEmitter graph, Value centered) =>
        graph.Mul(graph.ReduceSum(graph.Square(centered), Axes(centered)), 1.0 / Count(centered));

    /// <summary>The initializers that batch normalizations in training mode read as running statistics.</summary>
    public static string[] Initializers(GraphProto graph)
    {
        var stored = graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        return [.. graph.Node.Where(IsTraining).SelectMany(node => node.Input.Skip(3)).Where(stored.Contains).Distinct()];
    }

    /// <summary>
    /// Writes the next running statistics of every batch normalization in training mode: momentum·old + (1 - momentum)·batch. The batch's
    /// variance is the unbiased one, as in PyTorch; ONNX's own output takes the population variance, which evaluation in PyTorch does not.
    /// </summary>
    public static List<(string Input, Value Next)> Emit(GraphEmitter graph, IEnumerable<NodeProto> nodes, IReadOnlyCollection<string> statistics)
    {
        var states = new List<(string Input, Value Next)>();
        foreach (var node in nodes.Where(IsTraining))
        {
            graph.Scope = $"{RuleContext.NameOf(node)}_statistics";
            var x = graph.Find(node.Input[0]);
            var momentum = node.GetFloat("momentum", 0.9f);
            var (mean, centered) = Center(graph, x);
            var count = Count(x);
            var variance = graph.Mul(Variance(graph, centered), count / Math.Max(1.0, count - 1));
            Add(3, mean);
            Add(4, variance);

            void Add(int index, Value batch)
            {
                var running = graph.Find(node.Input[index]);
                if (!statistics.Contains(running.Name))
                {
                    throw new GradientException(
                        $"Node '{RuleContext.NameOf(node)}' runs in training mode, and its running statistics '{running.Name}' are no initializer of the model: store them as one, or export the model in evaluation mode.");
                }

                if (states.Any(state => state.Input == running.Name))
                {
                    throw new GradientException(
                        $"Batch normalizations in training mode share the running statistics '{running.Name}', which node '{RuleContext.NameOf(node)}' cannot update alone: give each node its own.");
                }

                var flat = graph.Cast(graph.Reshape(batch, running.Shape), running.Type);
                // The kernel may write its own running statistics over the ones it reads, and its result depends on neither. ONNX Runtime
                // stores small constants of equal value once, so this one must be like no other of the model, such as a bias of zeros.
                node.Input[index] = graph.Reals(running.Type, running.Shape, [.. Enumerable.Repeat(Overwritten, (int)Shapes.Count(running.Shape))]).Name;
                states.Add((running.Name, graph.Add(graph.Mul(running, momentum), graph.Mul(flat, 1 - momentum))));
            }
        }

        return states;
    }

    private static double Count(Value x) => Shapes.Count(x.Shape) / (double)Math.Max(1, x.Shape.Length > 1 ? x.Shape[1] : 1);
}
