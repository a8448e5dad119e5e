using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Rules;

/// <summary>
/// If: the gradient flows through the branch that was taken. The backward pass has an If of its own on the same condition. What its
/// branches need of the forward pass, the forward If gives as further outputs rather than being computed again: that costs no time, and a
/// Dropout in a branch keeps its mask. In the branch that was not taken such an output is an empty tensor, which nothing reads.
/// </summary>
internal static class BranchRules
{
    public static void Register(GradientRuleSet rules) => rules.Add("If", Differentiate);

    private static void Differentiate(RuleContext context)
    {
        var branches = Subgraphs.BranchNames.Select(name => new BranchGradient(context, name)).ToArray();
        string[] captured = [.. branches.SelectMany(branch => branch.Gradients.Keys).Distinct(StringComparer.Ordinal)];
        if (captured.Length == 0)
        {
            return;
        }

        var inputs = Array.ConvertAll(captured, context.Graph.Find);
        var graphs = Array.ConvertAll(branches, branch => branch.Backward(inputs));
        Expose(context, branches, graphs);
        var results = context.Graph.Nodes("If", [context.X], [.. inputs.Select(input => (input.Type, input.Shape))], node =>
        {
            foreach (var (name, graph) in Subgraphs.BranchNames.Zip(graphs))
            {
                node.Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph });
            }
        });
        foreach (var (name, gradient) in captured.Zip(results))
        {
            context.GiveCaptured(name, gradient);
        }
    }

    /// <summary>Makes what the backward branches read of the forward branches outputs of the forward If.</summary>
    private static void Expose(RuleContext context, BranchGradient[] branches, GraphProto[] graphs)
    {
        for (var i = 0; i < branches.Length; i++)
        {
            var forward = branches[i].Forward;
            var defined = forward.Node.SelectMany(node => node.Output).ToHashSet(StringComparer.Ordinal);
            foreach (var name in graphs[i].Captures().Where(defined.Contains))
            {
                graphs[i].ReplaceAllUses(name, OuterName(context, branches[i], branches[1 - i].Forward, name));
            }
        }

        foreach (var branch in branches)
        {
            ForwardGraph.Prune(branch.Forward);
        }
    }

    private static string OuterName(RuleContext context, BranchGradient branch, GraphProto other, string name)
    {
        var outputs = context.Node.Output;
        for (var i = 0; i < outputs.Count; i++)
        {
            if (branch.Forward.Output[i].Name == name && outputs[i].Length > 0)
            {
                return outputs[i];
            }
        }

        var value = branch.Find(name);
        var outer = context.Graph.AddOutput(context.Node, outputs.Count, value.Type, value.Shape);
        branch.Forward.Output.Add(ForwardGraph.Describe(name, value.Type, value.Shape));
        var nothing = $"{outer.Name}/not_taken";
        other.Node.Add(NodeFactory.Constant(nothing, TensorFactory.Raw("", value.Type, [0], [])));
        other.Output.Add(ForwardGraph.Describe(nothing, value.Type, [0]));
        return outer.Name;
    }
}
