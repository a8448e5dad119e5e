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
        var microBatch = _options.Dropout is { } dropout ? DropoutPass.Apply(graph, known, dropout, _options.FusedKernels) : null;
        DecidedBranches.Inline(graph, known);
        ForwardGraph.Fold(graph, known);
        var terms = LossCheck.Terms(loss);
        KeepOnlyOutputs(graph, terms.Select(term => term.Output).Concat(_options.KeptOutputs).ToHashSet(StringComparer.Ordinal));
        if (_options.FusedKernels)
        {
            KernelFusion.Apply(graph, known);
        }

        ForwardGraph.Prune(graph);

        var emitter = new GraphEmitter(graph, known, copy.GetOpsetVersion(), _options);
        var sparsity = _options.SparseLabels ? LabelSparsity.Apply(graph, emitter, known, terms) : null;
        var wanted = trainable.ToHashSet(StringComparer.Ordinal);
        var forward = Lowering.Apply(graph, emitter, GradientRuleRegistry.Rules, wanted, _options.FusedKernels);
        var written = graph.Node.Count;
        var divisors = Divisors(emitter, graph, terms, known);
        var (losses, labels) = EmitLosses(emitter, graph, terms, known, term => known[term.Output], sparsity, divisors);
        var lossValue = losses.Select(item => item.Loss).Aggregate(emitter.Add);
        var next = BatchStatistics.Emit(emitter, forward, statistics);
        var forwardNodes = new HashSet<NodeProto>(graph.Node, ReferenceEqualityComparer.Instance);
        var backward = new BackwardPass(emitter, GradientRuleRegistry.Rules, forward, wanted);
        backward.Run([.. terms.Select((term, i) => (sparsity?.Find(term)?.Output ?? known[term.Output], losses[i].Gradient)).Where(pair => backward.IsWanted(pair.Item1.Name))]);

        var gradients = Array.ConvertAll(parameters, backward.Gradient);
        var missing = parameters.Zip(gradients).Where(pair => pair.Second is null).Select(pair => pair.First.Name).ToArray();
        if (missing.Length > 0)
        {
            throw new UnreachableParameterException(missing, loss.Output);
        }

        var names = new OutputNames(graph, written);
        var lossName = names.Set(lossValue, "loss");
        var countName = loss.IsSum && divisors.Length == 0 ? names.Set(losses[0].Count, "loss_count") : null;
        var result = new TrainableParameter[parameters.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var parameter = parameters[i];
            result[i] = new TrainableParameter(parameter.Name, parameter.Type, parameter.Shape, names.Set(gradients[i]!, $"{parameter.Name}_grad"));
        }

        var states = next.Select(state => new StateUpdate(
            state.Input, names.Set(state.Next, $"{state.Input}_next"), state.Next.Type, state.Next.Shape)).ToArray();
        var kept = _options.KeptOutputs.Select(name => known[name]).ToArray();
        graph.Output.Clear();
        graph.Output.Add(ForwardGraph.Describe(lossName, lossValue.Type, []));
        graph.Output.AddRange(result.Select(parameter => ForwardGraph.Describe(parameter.GradientName, parameter.Type, parameter.Shape)));
        if (countName is not null)
        {
            graph.Output.Add(ForwardGraph.Describe(countName, losses[0].Count.Type, []));
        }

        graph.Output.AddRange(states.Select(state => ForwardGraph.Describe(state.OutputName, state.Type, state.Shape)));
        graph.Output.AddRange(kept.Select(output => ForwardGraph.Describe(output.Name, output.Type, output.Shape)));
        ProviderLowering.Apply(graph, emitter, _options.Target, forwardNodes);
        ForwardGraph.Prune(graph);
        var own = trainable.Concat(states.Select(state => state.InputName)).Concat(labels.Concat(divisors).Select(label => label.Name)).ToHashSet(StringComparer.Ordinal);
        own.UnionWith(graph.Initializer.Select(tensor => tensor.Name));
        var drawn = graph.Input.Where(input => input.Name == microBatch).Select(input => known[input.Name]).ToArray();
        own.UnionWith(drawn.Select(input => input.Name));
        var modelInputs = graph.Input.Select(input => input.Name).Where(name => !own.Contains(name)).ToArray();
        SetInputs(
            graph,
            [
                .. modelInputs.Select(name => known[name]), .. labels, .. drawn, .. divisors, .. parameters,
                .. states.Select(state => known[state.InputName]),
            ]);
        OperatorSets.Complete(copy.Proto, emitter.Opset);
        return new TrainingGraph
        {
            Model = copy,
            ModelInputs = modelInputs,
            LabelsInput = loss.Type == LossType.ModelOutput ? null : loss.Labels,
            LabelInputs = [.. labels.Select(label => label.Name)],
            CountName = countName,
            DivisorInputs = [.. divisors.Select(divisor => divisor.Name)],
            MicroBatchInput = drawn.FirstOrDefault()?.Name,
            Parameters = result,
            States = states,
            LabelSparsity = sparsity?.Reports ?? [],
            LossName = lossName,
            Values = known,
            ForwardNodes = graph.Node.Count(forwardNodes.Contains),
            GradientValues = backward.GradientNames,
        };
    }

    /// <summary>
    /// The forward pass with the loss as first output and the model's own outputs after it (in between, where losses are added of which one
    /// <see cref="LossOptions.IsSum"/>, the mean of each), the trainable parameters as inputs. Open axes
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
        var terms = LossCheck.Terms(loss);

        var emitter = new GraphEmitter(graph, table, copy.GetOpsetVersion(), _options with { FusedKernels = false });
        var before = graph.Node.Count;
        var (losses, labels) = EmitLosses(emitter, graph, [.. terms.Select(term => term with { IsSum = false })], table, term => Open(graph, values[term.Output], term));
        var lossValue = losses.Select(item => item.Loss).Aggregate(emitter.Add);
        var names = new OutputNames(graph, before);
        graph.Output.Insert(0, ForwardGraph.Describe(names.Set(lossValue, "loss"), lossValue.Type, []));
        if (terms.Length > 1 && terms.Any(term => term.IsSum))
        {
            foreach (var (index, term) in losses.Index())
            {
                graph.Output.Insert(index + 1, ForwardGraph.Describe(names.Set(term.Loss, $"loss_{index}"), term.Loss.Type, []));
            }
        }

        foreach (var label in labels.Where(label => graph.Input.All(input => input.Name != label.Name)))
        {
            graph.Input.Add(ForwardGraph.Describe(label.Name, label.Type, label.Shape));
        }

        var inputs = graph.Input.ToList();
        ProviderLowering.Apply(graph, emitter, _options.Target);
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

    /// <summary>An input for what each of several losses is divided by, if one of them counts over more than its micro-batch.</summary>
    private static Value[] Divisors(GraphEmitter emitter, GraphProto graph, LossOptions[] terms, ValueTable values)
    {
        if (terms.Length == 1 || !terms.Any(term => term.IsSum))
        {
            return [];
        }

        var divisors = new Value[terms.Length];
        for (var i = 0; i < divisors.Length; i++)
        {
            divisors[i] = emitter.AddInput(emitter.UniqueName($"loss_divisor_{i}"), values[terms[i].Output].Type, []);
            graph.Input.Add(ForwardGraph.Describe(divisors[i].Name, divisors[i].Type, []));
        }

        return divisors;
    }

    /// <summary>Writes the losses; several may read the same labels.</summary>
    private static (LossTerm[] Losses, List<Value> Labels) EmitLosses(
        GraphEmitter emitter, GraphProto graph, LossOptions[] terms, ValueTable values, Func<LossOptions, Value> outputOf,
        LabelSparsity? sparsity = null, Value[]? divisors = null)
    {
        var inputs = new List<Value>();
        var losses = new LossTerm[terms.Length];
        for (var i = 0; i < terms.Length; i++)
        {
            var sparse = sparsity?.Find(terms[i]);
            var output = sparse?.Output ?? outputOf(terms[i]);
            Value? labels = null;
            if ((sparse?.Input ?? LossCheck.Labels(graph, values, terms[i], output)) is { } description)
            {
                labels = emitter.AddInput(description.Name, description.Type, description.Shape);
                if (inputs.All(input => input.Name != description.Name))
                {
                    inputs.Add(labels);
                }
            }

            losses[i] = new LossEmitter(emitter, terms[i]).Emit(output, sparse?.Labels ?? labels, divisors is { Length: > 0 } ? divisors[i] : null);
        }

        return (losses, inputs);
    }

    /// <summary>A model output with the axes open whose length the table knows for one batch size only: those the model does not fix.</summary>
    private static Value Open(GraphProto graph, Value known, LossOptions loss)
    {
        if (loss.Type == LossType.ModelOutput)
        {
            return known;
        }

        var rank = known.Shape.Length;
        var classes = loss.Type == LossType.CrossEntropy ? Shapes.Axis(loss.Axis, rank) : rank - 1;
        var declared = graph.Output.First(output => output.Name == known.Name).Type?.TensorType?.Shape?.Dim;
        return known with
        {
            Shape = [.. known.Shape.Select((length, axis) => axis == classes || (declared?.Count == rank && declared[axis].HasDimValue) ? length : -1)],
        };
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

        foreach (var node in graph.Node.Where(Subgraphs.IsBranching))
        {
            foreach (var branch in Subgraphs.BranchNames)
            {
                if (values.Branch(node, branch) is { } inside)
                {
                    table.SetBranch(node, branch, inside);
                }
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

    private static void KeepOnlyOutputs(GraphProto graph, HashSet<string> names)
    {
        var kept = graph.Output.Where(output => names.Contains(output.Name)).ToList();
        graph.Output.Clear();
        graph.Output.AddRange(kept);
    }

    private static void SetInputs(GraphProto graph, IEnumerable<Value> inputs)
    {
        graph.Input.Clear();
        graph.Input.AddRange(inputs.Select(input => ForwardGraph.Describe(input.Name, input.Type, input.Shape)));
    }
}
