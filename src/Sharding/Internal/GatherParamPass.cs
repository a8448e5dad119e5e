using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Takes sharded parameters out of a training graph's inputs and gathers each by a GatherParam node before the uses it serves: at
/// least once for the forward and once for the backward pass, unless nothing else is gathered in between.
/// </summary>
/// <remarks>
/// A GatherParam node waits for three things. The node before it in the order of gathers, so that every rank gathers in one order. The
/// last computed of the other inputs of its first user: ONNX Runtime runs a node that waits for nothing first of all, which would
/// gather the whole model. And, in the backward pass, the last gradient before it: else all weight gradients are put off to the end
/// of the run, and with them the release of the activations they need.
/// </remarks>
internal static class GatherParamPass
{
    /// <summary>Rewrites a graph whose gradients already end in ReduceGrad nodes.</summary>
    /// <param name="graph">The graph; its model is changed.</param>
    /// <param name="plan">Which parameters are gathered.</param>
    /// <param name="maxReuseDistance">Elements gathered between two uses up to which the second needs no gather of its own.</param>
    /// <param name="maxLive">Elements that may be whole at a time for a parameter to be kept for another use.</param>
    /// <param name="domain">The operators' domain.</param>
    /// <returns>The gathers in their order.</returns>
    public static GatherSchedule Attach(TrainingGraph graph, PartitionPlan plan, long maxReuseDistance, long maxLive, string domain)
    {
        var model = graph.Model.Graph;
        NameCaptured(model, name => plan.TryIndexOf(name, out var parameter) && plan.IsGathered(parameter));
        var nodes = InOrderOfUse(model, domain);
        var gathers = Gathers(graph, plan, nodes, maxReuseDistance, maxLive);
        var producers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var index = 0; index < nodes.Count; index++)
        {
            foreach (var output in nodes[index].Output)
            {
                producers[output] = index;
            }
        }

        var rewritten = new List<NodeProto>(nodes.Count + gathers.Count);
        var next = 0;
        var gradientToken = "";
        for (var index = 0; index < nodes.Count; index++)
        {
            while (next < gathers.Count && gathers[next].First == index)
            {
                rewritten.Add(Node(next));
                next++;
            }

            rewritten.Add(nodes[index]);
            gradientToken = nodes[index].OpType == ReduceGradOperator.OperatorName && nodes[index].Domain == domain ? nodes[index].Output[0] : gradientToken;
        }

        foreach (var (position, gather) in gathers.Index())
        {
            foreach (var (node, input) in gather.Uses)
            {
                nodes[node].Input[input] = ValueName(plan, gather, position);
            }
        }

        model.Node.Clear();
        model.Node.AddRange(rewritten);
        var kept = model.Input.Where(input => !plan.TryIndexOf(input.Name, out var parameter) || !plan.IsGathered(parameter)).ToList();
        model.Input.Clear();
        model.Input.AddRange(kept);
        return new GatherSchedule([.. gathers.Select(gather => gather.Parameter)], [.. gathers.Select(gather => gather.Live)]);

        NodeProto Node(int position)
        {
            var gather = gathers[position];
            var planned = plan.Parameters[gather.Parameter];
            var node = new NodeProto { Name = $"gather_param/{position}/{planned.Name}", OpType = GatherParamOperator.OperatorName, Domain = domain };
            if (position > 0)
            {
                node.Input.Add(TokenName(position - 1));
            }

            var activation = nodes[gather.First].Input.Where(producers.ContainsKey).MaxBy(input => producers[input]);
            if (activation is not null)
            {
                node.Input.Add(activation);
            }

            if (gradientToken.Length > 0)
            {
                node.Input.Add(gradientToken);
            }

            if (node.Input.Count == 0)
            {
                // The first of all may run at once; an operator needs an input all the same.
                node.Input.Add(graph.ModelInputs.Concat(graph.LabelsInput is { } labels ? [labels] : []).First());
            }

            node.Output.AddRange([ValueName(plan, gather, position), TokenName(position)]);
            node.SetInt(GatherParamOperator.PositionAttribute, position);
            node.SetInts(GatherParamOperator.ShapeAttribute, planned.Shape);
            model.ValueInfo.Add(Description(ValueName(plan, gather, position), planned.Shape));
            return node;
        }
    }

    // ReduceGrad nodes stand behind all others; here each comes right after the gradient it takes.
    internal static List<NodeProto> InOrderOfUse(GraphProto model, string domain)
    {
        var reduce = model.Node.Where(IsReduceGrad).ToLookup(node => node.Input[0], StringComparer.Ordinal);
        var ordered = new List<NodeProto>(model.Node.Count);
        foreach (var node in model.Node.Where(node => !IsReduceGrad(node)))
        {
            ordered.Add(node);
            ordered.AddRange(node.Output.SelectMany(output => reduce[output]));
        }

        return ordered;

        bool IsReduceGrad(NodeProto node) => node.OpType == ReduceGradOperator.OperatorName && node.Domain == domain;
    }

    private static List<Gather> Gathers(TrainingGraph graph, PartitionPlan plan, List<NodeProto> nodes, long maxReuseDistance, long maxLive)
    {
        var gathers = new List<Gather>();
        var open = new Dictionary<int, (Gather Gather, long GatheredAt)>();
        var gathered = 0L;
        for (var index = 0; index < nodes.Count; index++)
        {
            for (var input = 0; input < nodes[index].Input.Count; input++)
            {
                if (!plan.TryIndexOf(nodes[index].Input[input], out var parameter) || !plan.IsGathered(parameter))
                {
                    continue;
                }

                if (!open.TryGetValue(parameter, out var held) || gathered - held.GatheredAt > maxReuseDistance || !TryKeep(held.Gather, index))
                {
                    held.Gather = new Gather(parameter, index, [])
                    {
                        Last = index,
                        Live = plan.GatheredElements(parameter)
                            + gathers.Where(other => other.Last >= index).Sum(other => plan.GatheredElements(other.Parameter)),
                    };
                    gathers.Add(held.Gather);
                    gathered += plan.Parameters[parameter].Length;
                }

                held.Gather.Uses.Add((index, input));
                open[parameter] = (held.Gather, gathered);
            }
        }

        var unused = graph.Parameters.FirstOrDefault(parameter => plan.IsGathered(plan.IndexOf(parameter.Name)) && !open.ContainsKey(plan.IndexOf(parameter.Name)));
        return unused is null
            ? gathers
            : throw new ShardingException(
                $"No node of the training graph reads '{unused.Name}', so stage 3 has nowhere to gather it: freeze the parameter, or raise zero_optimization.stage3_param_persistence_threshold above its {plan.Parameters[plan.IndexOf(unused.Name)].Length} elements.");

        // Kept longer, it is whole beside every parameter that was gathered since its last use.
        bool TryKeep(Gather kept, int use)
        {
            var elements = plan.GatheredElements(kept.Parameter);
            for (var pass = 0; pass < 2; pass++)
            {
                for (var later = gathers.Count - 1; later >= 0 && gathers[later].First > kept.Last; later--)
                {
                    if (pass == 1)
                    {
                        gathers[later].Live += elements;
                    }
                    else if (gathers[later].Live > maxLive - elements)
                    {
                        return false;
                    }
                }
            }

            kept.Last = use;
            return true;
        }
    }

    // A branch or loop reads values around it without naming them as inputs. An Identity before the node names what it reads, and so
    // becomes the use for which the parameter is gathered.
    private static void NameCaptured(GraphProto model, Predicate<string> isGathered)
    {
        var nodes = new List<NodeProto>(model.Node.Count);
        foreach (var node in model.Node)
        {
            var bodies = node.Attribute.Where(attribute => attribute.G is not null).Select(attribute => attribute.G).ToArray();
            foreach (var name in bodies.SelectMany(body => body.Captures()).Distinct(StringComparer.Ordinal).Where(name => isGathered(name)))
            {
                var local = $"{name}/read_by/{node.Output[0]}";
                nodes.Add(NodeFactory.Create("Identity", [name], [local], local));
                foreach (var body in bodies)
                {
                    body.ReplaceAllUses(name, local);
                }
            }

            nodes.Add(node);
        }

        model.Node.Clear();
        model.Node.AddRange(nodes);
    }

    private static string ValueName(PartitionPlan plan, Gather gather, int position) => $"{plan.Parameters[gather.Parameter].Name}/gathered_{position}";

    private static string TokenName(int position) => $"ortzero_gathered/{position}";

    private static ValueInfoProto Description(string name, long[] shape)
    {
        var type = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float, Shape = new TensorShapeProto() };
        type.Shape.Dim.AddRange(shape.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = type } };
    }

    /// <summary>One GatherParam node: its parameter, the position of its first user, and the inputs it serves.</summary>
    private sealed record Gather(int Parameter, int First, List<(int Node, int Input)> Uses)
    {
        /// <summary>The position of the last user so far.</summary>
        public int Last { get; set; }

        /// <summary>The elements that are whole right after it.</summary>
        public long Live { get; set; }
    }
}
