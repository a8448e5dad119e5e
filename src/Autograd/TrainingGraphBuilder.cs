using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>Builds training and evaluation graphs from a forward model.</summary>
/// <param name="options">How gradients are written; <c>null</c>: the defaults.</param>
public sealed class TrainingGraphBuilder(GradientOptions? options = null)
{
    private readonly GradientOptions _options = options ?? new GradientOptions();

    /// <summary>Forward pass, loss and backward pass for the static shapes in <paramref name="values"/>. The model is not changed.</summary>
    /// <param name="model">The imported model.</param>
    /// <param name="values">Type, static shape and, where known, constant value of every value of the model.</param>
    /// <param name="loss">Which output is trained, and how.</param>
    /// <param name="trainable">The initializers to differentiate with respect to; their order is kept. All others are frozen.</param>
    /// <exception cref="UnsupportedOperatorException">An operator between a trainable parameter and the loss has no gradient rule.</exception>
    /// <exception cref="UnreachableParameterException">The loss does not depend on a trainable parameter.</exception>
    /// <exception cref="GradientException">A name or shape in the options does not fit the model.</exception>
    public TrainingGraph Build(OnnxModel model, ValueTable values, LossOptions loss, IReadOnlyCollection<string> trainable)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(trainable);
        LossCheck.Validate(model, values, loss, trainable);
        var copy = model.Clone();
        var graph = copy.Graph;
        var parameters = trainable.Select(name => values[name]).ToArray();
        var statistics = BatchStatistics.Initializers(graph).Except(trainable).ToArray();
        var known = WithoutParameters(values, graph, [.. trainable, .. statistics]);
        ForwardGraph.Fold(graph, known);
        KeepOnlyOutput(graph, loss.Output);
        if (_options.FusedKernels)
        {
            GeluFusion.Apply(graph, known);
        }

        ForwardGraph.Prune(graph);

        var emitter = new GraphEmitter(graph, known, copy.GetOpsetVersion(), _options);
        var wanted = trainable.ToHashSet(StringComparer.Ordinal);
        var forward = Lowering.Apply(graph, emitter, GradientRuleRegistry.Rules, wanted, _options.FusedKernels);
        var written = graph.Node.Count;
        var output = known[loss.Output];
        var labels = LossCheck.Labels(graph, known, loss, output) is { } description
            ? emitter.AddInput(description.Name, description.Type, description.Shape)
            : null;
        var (lossValue, gradient) = new LossEmitter(emitter, loss).Emit(output, labels);
        var next = BatchStatistics.Emit(emitter, forward, statistics);
        var backward = new BackwardPass(emitter, GradientRuleRegistry.Rules, forward, wanted);
        if (backward.IsWanted(output.Name))
        {
            backward.Run(output, gradient);
        }

        var gradients = Array.ConvertAll(parameters, backward.Gradient);
        var missing = parameters.Zip(gradients).Where(pair => pair.Second is null).Select(pair => pair.First.Name).ToArray();
        if (missing.Length > 0)
        {
            throw new UnreachableParameterException(missing, loss.Output);
        }

        var names = new OutputNames(graph, written);
        var lossName = names.Set(lossValue, "loss");
        var result = new TrainableParameter[parameters.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var parameter = parameters[i];
            result[i] = new TrainableParameter(parameter.Name, parameter.Type, parameter.Shape, names.Set(gradients[i]!, $"{parameter.Name}_grad"));
        }

        var states = next.Select(state => new StateUpdate(
            state.Input, names.Set(state.Next, $"{state.Input}_next"), state.Next.Type, state.Next.Shape)).ToArray();
        graph.Output.Clear();
        graph.Output.Add(ForwardGraph.Describe(lossName, lossValue.Type, []));
        graph.Output.AddRange(result.Select(parameter => ForwardGraph.Describe(parameter.GradientName, parameter.Type, parameter.Shape)));
        graph.Output.AddRange(states.Select(state => ForwardGraph.Describe(state.OutputName, state.Type, state.Shape)));
        ForwardGraph.Prune(graph);
        var own = trainable.Concat(states.Select(state => state.InputName)).Append(labels?.Name ?? "").ToHashSet(StringComparer.Ordinal);
        own.UnionWith(graph.Initializer.Select(tensor => tensor.Name));
        var modelInputs = graph.Input.Select(input => input.Name).Where(name => !own.Contains(name)).ToArray();
        SetInputs(
            graph,
            [
                .. modelInputs.Select(name => known[name]), .. labels is null ? [] : new[] { labels }, .. parameters,
                .. states.Select(state => known[state.InputName]),
            ]);
        OperatorSets.Complete(copy.Proto, emitter.Opset);
        return new TrainingGraph
        {
            Model = copy,
            ModelInputs = modelInputs,
            LabelsInput = labels?.Name,
            Parameters = result,
            States = states,
            LossName = lossName,
        };
    }

    /// <summary>
    /// The forward pass with the loss as first output and the model's own outputs after it, the trainable parameters as inputs. Open axes
    /// of the model stay open, so one session evaluates batches of any size. Batch normalizations use their running statistics, and
    /// dropouts pass everything. The model is not changed.
    /// </summary>
    /// <param name="model">The imported model.</param>
    /// <param name="values">The same table as for <see cref="Build"/>.</param>
    /// <param name="loss">Which output is evaluated, and how.</param>
    /// <param name="trainable">
    /// The initializers that become inputs, after the model's own inputs and the labels: the trainable parameters, and the
    /// <see cref="TrainingGraph.States"/> if they are to be evaluated as they are now.
    /// </param>
    /// <exception cref="GradientException">A name or shape in the options does not fit the model.</exception>
    public OnnxModel BuildEvaluation(OnnxModel model, ValueTable values, LossOptions loss, IReadOnlyCollection<string> trainable)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(trainable);
        LossCheck.Validate(model, values, loss, trainable);
        var copy = model.Clone();
        InferenceMode.Apply(copy);
        var graph = copy.Graph;
        var table = WithoutParameters(values, graph, trainable);
        var known = values[loss.Output];
        var open = graph.Output.Single(output => output.Name == loss.Output);

        // Where the model declares an axis without a fixed length, the table's length holds for one batch size only.
        var declared = open.Type?.TensorType?.Shape?.Dim;
        var shape = known.Shape.Select((length, axis) =>
            axis == known.Shape.Length - 1 || (declared?.Count == known.Shape.Length && declared[axis].HasDimValue) ? length : -1).ToArray();
        var output = known with { Shape = loss.Type == LossType.ModelOutput ? known.Shape : shape };
        var emitter = new GraphEmitter(graph, table, copy.GetOpsetVersion(), _options with { FusedKernels = false });
        var labels = LossCheck.Labels(graph, table, loss, output) is { } description
            ? emitter.AddInput(description.Name, description.Type, description.Shape)
            : null;
        var before = graph.Node.Count;
        var (lossValue, _) = new LossEmitter(emitter, loss).Emit(output, labels);
        var lossName = new OutputNames(graph, before).Set(lossValue, "loss");
        graph.Output.Insert(0, ForwardGraph.Describe(lossName, lossValue.Type, []));
        if (labels is not null && graph.Input.All(input => input.Name != labels.Name))
        {
            graph.Input.Add(ForwardGraph.Describe(labels.Name, labels.Type, labels.Shape));
        }

        var inputs = graph.Input.ToList();
        ForwardGraph.Prune(graph);
        graph.Input.Clear();
        graph.Input.AddRange(inputs);
        foreach (var name in trainable.Where(name => graph.Input.All(input => input.Name != name)))
        {
            graph.Input.Add(ForwardGraph.Describe(name, values[name].Type, values[name].Shape));
        }

        OperatorSets.Complete(copy.Proto, emitter.Opset);
        return copy;
    }

    /// <summary>A table in which parameters are inputs, and their initializers gone from the graph.</summary>
    private static ValueTable WithoutParameters(ValueTable values, GraphProto graph, IReadOnlyCollection<string> trainable)
    {
        var names = trainable.ToHashSet(StringComparer.Ordinal);
        var table = new ValueTable();
        foreach (var name in AllNames(graph))
        {
            if (values.TryGet(name, out var description))
            {
                table.Add(description);
            }

            if (!names.Contains(name) && values.Constant(name) is { } constant)
            {
                table.SetConstant(name, constant);
            }
        }

        var kept = graph.Initializer.Where(tensor => !names.Contains(tensor.Name)).ToList();
        graph.Initializer.Clear();
        graph.Initializer.AddRange(kept);
        foreach (var name in trainable.Where(name => graph.Input.All(input => input.Name != name)))
        {
            graph.Input.Add(ForwardGraph.Describe(name, values[name].Type, values[name].Shape));
        }

        return table;
    }

    private static HashSet<string> AllNames(GraphProto graph) =>
        [.. graph.Input.Select(input => input.Name), .. graph.Initializer.Select(tensor => tensor.Name), .. graph.Node.SelectMany(node => node.Output)];

    private static void KeepOnlyOutput(GraphProto graph, string output)
    {
        var kept = graph.Output.Single(item => item.Name == output);
        graph.Output.Clear();
        graph.Output.Add(kept);
    }

    private static void SetInputs(GraphProto graph, IEnumerable<Value> inputs)
    {
        graph.Input.Clear();
        graph.Input.AddRange(inputs.Select(input => ForwardGraph.Describe(input.Name, input.Type, input.Shape)));
    }
}
