using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>One branch of an If node, prepared as the model's own graph is, and the gradients of the values that it reads from around it.</summary>
internal sealed class BranchGradient
{
    private readonly GraphEmitter _emitter;
    private readonly int _written;

    /// <summary>Writes the backward pass of a branch.</summary>
    /// <param name="context">The If node, with the gradients of its outputs.</param>
    /// <param name="name">One of <see cref="Subgraphs.BranchNames"/>.</param>
    public BranchGradient(RuleContext context, string name)
    {
        var rules = GradientRuleRegistry.Rules;
        Forward = context.Node.Branch(name);
        var values = Values(context, name);
        DecidedBranches.Inline(Forward, values);
        var captured = Forward.Captures();
        ForwardGraph.Fold(Forward, values, captured);
        if (context.Graph.IsFused)
        {
            KernelFusion.Apply(Forward, values);
        }

        ForwardGraph.Prune(Forward);
        if (Forward.Node.FirstOrDefault(BatchStatistics.IsTraining) is { } batch)
        {
            throw context.Unsupported(
                $"'{NodeContext.NameOf(batch)}' in its {name} is a batch normalization in training mode, whose running statistics would have to leave the branch");
        }

        _emitter = context.Graph.Inner(Forward, values);
        var wanted = captured.Where(context.NeedsCaptured).ToHashSet(StringComparer.Ordinal);
        var forward = Lowering.Apply(Forward, _emitter, rules, wanted, context.Graph.IsFused);
        _written = Forward.Node.Count;
        var backward = new BackwardPass(_emitter, rules, forward, wanted, context.ParameterBehind);
        backward.Run([.. Seeds(context, name, backward)]);
        foreach (var parameter in captured.Where(wanted.Contains))
        {
            if (backward.Gradient(context.Graph.Find(parameter)) is { } gradient)
            {
                Gradients.Add(parameter, gradient);
            }
        }
    }

    /// <summary>The branch of the forward pass.</summary>
    public GraphProto Forward { get; }

    /// <summary>The gradients of the captured values on which the loss depends through this branch.</summary>
    public Dictionary<string, Value> Gradients { get; } = new(StringComparer.Ordinal);

    /// <summary>A value of the branch.</summary>
    public Value Find(string name) => _emitter.Find(name);

    /// <summary>
    /// Takes the backward nodes out of the forward branch, as a graph that gives the gradients of some captured values: zeros for those
    /// that this branch does not use.
    /// </summary>
    public GraphProto Backward(Value[] captured)
    {
        var outputs = Array.ConvertAll(captured, value => Gradients.GetValueOrDefault(value.Name) ?? _emitter.Filled(value.Type, value.Shape, 0));
        var graph = new GraphProto { Name = $"{Forward.Name}_gradient" };
        graph.Node.AddRange(Forward.Node.Skip(_written));
        while (Forward.Node.Count > _written)
        {
            Forward.Node.RemoveAt(_written);
        }

        var free = graph.Node.SelectMany(node => node.Output).ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < outputs.Length; i++)
        {
            var name = outputs[i].Name;
            if (!free.Remove(name))
            {
                // A branch must compute each output itself, and each once.
                name = _emitter.UniqueName($"{captured[i].Name}_grad");
                graph.Node.Add(NodeFactory.Create("Identity", [outputs[i].Name], [name], name));
            }

            graph.Output.Add(ForwardGraph.Describe(name, captured[i].Type, captured[i].Shape));
        }

        graph.Initializer.AddRange(Forward.Initializer.Select(tensor => tensor.Clone()));
        ForwardGraph.Prune(graph);
        return graph;
    }

    /// <summary>The branch's own outputs, with the gradients of the node's.</summary>
    private IEnumerable<(Value Output, Value Gradient)> Seeds(RuleContext context, string name, BackwardPass backward)
    {
        for (var i = 0; i < context.Node.Output.Count && i < Forward.Output.Count; i++)
        {
            if (context.Gradient(i) is not { } gradient || !backward.IsWanted(Forward.Output[i].Name))
            {
                continue;
            }

            var output = _emitter.Find(Forward.Output[i].Name);
            if (!Shapes.Same(output.Shape, gradient.Shape))
            {
                throw context.Unsupported(
                    $"output {i} has shape [{string.Join(", ", output.Shape)}] in its {name} and [{string.Join(", ", gradient.Shape)}] in the other");
            }

            yield return (output, gradient);
        }
    }

    private ValueTable Values(RuleContext context, string name)
    {
        var known = context.Graph.Branch(context.Node, name) ?? throw context.Unsupported($"nothing is known of the values inside its {name}");
        if (known.Problem is { } problem)
        {
            throw context.Unsupported($"its {name} cannot be run on the sample batch ({problem})");
        }

        var values = context.Graph.InnerValues();
        foreach (var value in Forward.Initializer.Select(tensor => tensor.Name).Concat(Forward.Node.SelectMany(node => node.Output)))
        {
            if (known.Values.TryGet(value, out var description))
            {
                values.Add(description);
            }

            if (known.Values.Constant(value) is { } constant)
            {
                values.SetConstant(value, constant);
            }
        }

        foreach (var nested in Forward.Node.Where(Subgraphs.IsBranching))
        {
            foreach (var branch in Subgraphs.BranchNames)
            {
                if (known.Values.Branch(nested, branch) is { } inside)
                {
                    values.SetBranch(nested, branch, inside);
                }
            }
        }

        return values;
    }
}
