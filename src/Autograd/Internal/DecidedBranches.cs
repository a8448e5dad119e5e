using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Puts the branch that is taken in the place of every If node whose condition is the same in every run: exporters write such nodes where
/// the program asks for the shape of a tensor.
/// </summary>
internal static class DecidedBranches
{
    public static void Inline(GraphProto graph, ValueTable values)
    {
        // The nodes of a branch go to the end, so the nested ones have their turn later.
        for (var i = 0; i < graph.Node.Count; i++)
        {
            var node = graph.Node[i];
            if (node.IsBranching() && values.Constant(node.Input[0]) is { } condition)
            {
                var name = Subgraphs.BranchNames[condition.RawBytes()[0] != 0 ? 0 : 1];
                if (values.Branch(node, name) is { Problem: null } inside)
                {
                    graph.Node.RemoveAt(i--);
                    Inline(graph, values, node, node.Branch(name), inside.Values);
                }
            }
        }
    }

    private static void Inline(GraphProto graph, ValueTable values, NodeProto node, GraphProto branch, ValueTable inside)
    {
        var nested = branch.Node.Where(Subgraphs.IsBranching)
            .SelectMany(inner => Subgraphs.BranchNames.Select(name => (Node: inner, Name: name, Values: inside.Branch(inner, name)))).ToArray();
        var names = new NameAllocator(graph);
        string[] defined = [.. branch.Initializer.Select(tensor => tensor.Name), .. branch.Node.SelectMany(inner => inner.Output)];
        foreach (var name in defined.Where(name => name.Length > 0))
        {
            var free = names.Unique(name);
            branch.RenameValue(name, free);
            Copy(inside, name, values, free);
        }

        foreach (var (inner, name, known) in nested)
        {
            if (known is not null)
            {
                values.SetBranch(inner, name, known);
            }
        }

        foreach (var inner in branch.Node)
        {
            inner.Name = names.Unique(NodeContext.NameOf(inner));
        }

        graph.Initializer.AddRange(branch.Initializer);
        graph.Node.AddRange(branch.Node);
        foreach (var (output, result) in node.Output.Zip(branch.Output))
        {
            if (output.Length > 0)
            {
                graph.Node.Add(NodeFactory.Create("Identity", [result.Name], [output], names.Unique($"{NodeContext.NameOf(node)}/{output}")));
            }
        }
    }

    private static void Copy(ValueTable from, string name, ValueTable to, string newName)
    {
        if (from.TryGet(name, out var value))
        {
            to.Add(value with { Name = newName });
        }

        if (from.Constant(name) is { } constant)
        {
            to.SetConstant(newName, constant);
        }
    }
}
