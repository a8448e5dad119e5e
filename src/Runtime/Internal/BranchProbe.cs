using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// Describes the values inside the branches of If nodes, of which a run of the model says nothing: each branch is run on its own, on the
/// values that it reads from around it. Where the condition is the same in every run, the branch that is never taken is left alone.
/// </summary>
internal static class BranchProbe
{
    /// <summary>The values that branches read, and that must be kept for <see cref="Describe"/>.</summary>
    public static HashSet<string> Captured(GraphProto graph) =>
        [.. graph.Node.Where(Subgraphs.IsBranching).SelectMany(node => Subgraphs.BranchNames.SelectMany(name => node.Branch(name).Captures()))];

    /// <summary>Adds the branches of every If node to the table of its graph.</summary>
    /// <param name="environment">The environment to run in.</param>
    /// <param name="model">The model or, for nested nodes, the branch as a model of its own.</param>
    /// <param name="table">Its values.</param>
    /// <param name="tensors">Inputs and computed values that branches read.</param>
    /// <param name="options">As for the model.</param>
    public static void Describe(
        OrtEnvironment environment, OnnxModel model, ValueTable table, IReadOnlyDictionary<string, OrtTensor> tensors, OrtSessionOptions options)
    {
        foreach (var node in model.Graph.Node.Where(Subgraphs.IsBranching))
        {
            var taken = table.Constant(node.Input[0]) is { } condition ? Subgraphs.BranchNames[condition.RawBytes()[0] != 0 ? 0 : 1] : null;
            foreach (var name in Subgraphs.BranchNames.Where(name => taken is null || name == taken))
            {
                table.SetBranch(node, name, Run(environment, model, node.Branch(name), table, tensors, options));
            }
        }
    }

    private static BranchValues Run(
        OrtEnvironment environment,
        OnnxModel model,
        GraphProto branch,
        ValueTable outer,
        IReadOnlyDictionary<string, OrtTensor> tensors,
        OrtSessionOptions options)
    {
        var proto = new ModelProto { IrVersion = model.Proto.IrVersion, Graph = branch.Clone() };
        proto.OpsetImport.AddRange(model.Proto.OpsetImport);
        proto.Functions.AddRange(model.Proto.Functions);
        var inputs = new Dictionary<string, OrtTensor>(StringComparer.Ordinal);
        foreach (var name in branch.Captures())
        {
            if (outer.Constant(name) is { } constant)
            {
                var tensor = constant.Clone();
                tensor.Name = name;
                proto.Graph.Initializer.Add(tensor);
            }
            else if (tensors.TryGetValue(name, out var tensor))
            {
                proto.Graph.Input.Add(ValueInfos.Create(name, tensor.ElementType, tensor.Dimensions));
                inputs.Add(name, tensor);
            }
            else
            {
                return new BranchValues(new ValueTable(), $"it reads '{name}', which is no tensor");
            }
        }

        try
        {
            return new BranchValues(ModelProbe.Describe(environment, new OnnxModel(proto, model.Path), inputs, options), null);
        }
        catch (OrtException problem)
        {
            return new BranchValues(new ValueTable(), problem.Message);
        }
    }
}
