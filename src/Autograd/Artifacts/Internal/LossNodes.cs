using OrtZero.Onnx;

namespace OrtZero.Autograd.Internal;

/// <summary>The loss of artifacts: what the gradient builder writes itself, or nodes behind the model's output.</summary>
internal static class LossNodes
{
    /// <summary>A copy of the model and its table in which the loss can be differentiated.</summary>
    public static (OnnxModel Model, ValueTable Values, LossOptions Loss) Add(OnnxModel model, ValueTable values, ArtifactOptions options)
    {
        var table = Copy(values, model);
        var labels = options.Labels ?? (options.Loss == ArtifactLoss.CrossEntropy ? "labels" : "target");
        var loss = new LossOptions { Output = options.Output, Labels = labels, IgnoreIndex = options.IgnoreIndex };
        return options.Loss switch
        {
            ArtifactLoss.CrossEntropy => (model, table, loss),
            ArtifactLoss.MeanSquaredError => (model, table, loss with { Type = LossType.MeanSquaredError }),
            ArtifactLoss.ModelOutput => (model, table, loss with { Type = LossType.ModelOutput, Labels = null }),
            _ => Append(model, table, options, labels),
        };
    }

    private static (OnnxModel Model, ValueTable Values, LossOptions Loss) Append(
        OnnxModel model, ValueTable table, ArtifactOptions options, string labels)
    {
        var copy = model.Clone();
        var graph = copy.Graph;
        var output = graph.Output.FirstOrDefault(item => item.Name == options.Output)
            ?? throw new ArtifactException(
                $"The loss reads output '{options.Output}', which the model does not have: choose one of '{string.Join("', '", graph.Output.Select(item => item.Name))}'.");
        var names = new NameAllocator(graph);
        if (names.IsTaken(labels) && graph.Input.All(input => input.Name != labels))
        {
            throw new ArtifactException($"The labels input '{labels}' would hide a value of that name in the model: choose another name.");
        }

        var description = table[options.Output];
        if (graph.Input.All(input => input.Name != labels))
        {
            var input = output.Clone();
            input.Name = labels;
            graph.Input.Add(input);
            table.Add(description with { Name = labels });
        }

        // Mean of |x - t|, or of softplus(x) - x·t, the stable form of -(t·log σ(x) + (1-t)·log(1-σ(x))).
        var terms = options.Loss == ArtifactLoss.L1
            ? Write("Abs", [Write("Sub", [options.Output, labels])])
            : Write("Sub", [Write("Softplus", [options.Output]), Write("Mul", [options.Output, labels])]);
        var mean = Write("ReduceMean", [terms], scalar: true);
        graph.Output.Add(ForwardGraph.Describe(mean, description.Type, []));
        return (copy, table, new LossOptions { Type = LossType.ModelOutput, Output = mean });

        string Write(string operatorName, string[] inputs, bool scalar = false)
        {
            var value = names.Unique(scalar ? "loss/mean" : $"loss/{operatorName}_output");
            var node = NodeFactory.Create(operatorName, inputs, [value], names.Unique($"loss/{operatorName}"));
            graph.Node.Add(scalar ? node.SetInt("keepdims", 0) : node);
            table.Add(new ValueDescription(value, description.Type, scalar ? [] : description.Shape));
            return value;
        }
    }

    private static ValueTable Copy(ValueTable values, OnnxModel model)
    {
        var table = new ValueTable();
        foreach (var value in values.Values)
        {
            table.Add(value);
            if (values.Constant(value.Name) is { } constant)
            {
                table.SetConstant(value.Name, constant);
            }
        }

        foreach (var tensor in model.Graph.Initializer.Where(tensor => !values.TryGet(tensor.Name, out _)))
        {
            table.SetConstant(tensor.Name, tensor);
        }

        return table;
    }
}
