using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Graphs;

public sealed class GraphEditorTests
{
    [Fact]
    public void Renaming_reaches_every_place_a_value_appears()
    {
        var body = new GraphProto { Node = { ModelBuilder.Node("Neg", ["a"], "n") } };
        body.Output.Add(ValueInfos.Create("a", TensorElementType.Float, 2));
        var model = WithBranch(body);
        model.WithOutput("a");
        model.Graph.ValueInfo.Add(ValueInfos.Create("a", TensorElementType.Float, 2));
        model.Graph.QuantizationAnnotation.Add(new TensorAnnotation { TensorName = "a" });

        model.Graph.RenameValue("a", "b");

        Assert.Equal("b", model.Graph.Node[0].Output[0]);
        Assert.Equal(["b", "b"], [body.Node[0].Input[0], body.Output[0].Name]);
        Assert.Equal(["b", "b", "b"], [model.Graph.Output[0].Name, model.Graph.ValueInfo[0].Name, model.Graph.QuantizationAnnotation[0].TensorName]);
    }

    [Fact]
    public void Subgraph_with_its_own_value_of_that_name_is_left_alone()
    {
        var body = new GraphProto { Node = { ModelBuilder.Node("Exp", ["k"], "a"), ModelBuilder.Node("Neg", ["a"], "n") } };
        var model = WithBranch(body);
        model.Graph.RenameValue("a", "b");
        Assert.Equal("a", body.Node[1].Input[0]);
    }

    [Fact]
    public void Renaming_onto_an_existing_value_is_refused()
    {
        var model = ModelBuilder.Create(ModelBuilder.Node("Neg", ["x"], "a"), ModelBuilder.Node("Abs", ["x"], "b")).WithInput("x");
        Assert.Contains("'b'", Assert.Throws<OnnxFormatException>(() => model.Graph.RenameValue("a", "b")).Message, StringComparison.Ordinal);
        Assert.Throws<OnnxFormatException>(() => model.Graph.RenameValue("a", "x"));
    }

    [Fact]
    public void Replacement_that_a_subgraph_would_hide_is_refused()
    {
        var body = new GraphProto { Node = { ModelBuilder.Node("Exp", ["a"], "b") } };
        var model = WithBranch(body);
        Assert.Throws<OnnxFormatException>(() => model.Graph.RenameValue("a", "b"));
    }

    [Fact]
    public void Replacing_uses_counts_them_and_keeps_graph_outputs()
    {
        var model = ModelBuilder.Create(ModelBuilder.Node("Mul", ["a", "a"], "y"), ModelBuilder.Node("Neg", ["a"], "z")).WithInput("a").WithOutput("a");
        Assert.Equal(3, model.Graph.ReplaceAllUses("a", "b"));
        Assert.Equal(["b", "b"], model.Graph.Node[0].Input);
        Assert.Equal("a", model.Graph.Output[0].Name);
    }

    [Fact]
    public void Unused_nodes_initializers_and_declarations_go()
    {
        var body = new GraphProto { Node = { ModelBuilder.Node("Neg", ["captured"], "n") } };
        var model = WithBranch(body);
        model.WithOutput("branch").With(TensorFactory.Scalar("captured", 1f), TensorFactory.Scalar("lost", 1f));
        model.Graph.Node.Add(ModelBuilder.Node("Neg", ["lost"], "dead"));
        model.Graph.ValueInfo.Add([ValueInfos.Create("dead", TensorElementType.Float, 1), ValueInfos.Create("branch", TensorElementType.Float, 1)]);

        // The node that produces "a" is unused as well: the body does not use it.
        Assert.Equal(3, model.Graph.RemoveUnused());

        Assert.Equal(["If"], model.Graph.Node.Select(node => node.OpType));
        Assert.Equal(["captured"], model.Graph.Initializer.Names());
        Assert.Equal(["branch"], model.Graph.ValueInfo.Select(info => info.Name));
    }

    [Fact]
    public void Unique_names_avoid_values_nodes_and_subgraphs()
    {
        var model = WithBranch(new GraphProto { Node = { ModelBuilder.Node("Neg", ["k"], "inner", "node") } });
        var names = new NameAllocator(model.Graph);
        Assert.Equal(["a_1", "inner_1", "node_1", "fresh", "fresh_1"], new[] { "a", "inner", "node", "fresh", "fresh" }.Select(names.Unique));
    }

    [Fact]
    public void Setting_an_initializer_replaces_it_in_place()
    {
        var model = ModelBuilder.Create().With(TensorFactory.Scalar("a", 1f), TensorFactory.Scalar("b", 1f));
        model.Graph.SetInitializer(TensorFactory.Scalar("a", 2f));
        model.Graph.SetInitializer(TensorFactory.Scalar("c", 3f));
        Assert.Equal(["a", "b", "c"], model.Graph.Initializer.Names());
        Assert.Equal(2f, model.Graph.FindInitializer("a")!.ToSingles()[0]);
    }

    private static OnnxModel WithBranch(GraphProto body)
    {
        var branch = ModelBuilder.Node("If", ["x"], "branch");
        branch.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = body });
        return ModelBuilder.Create(ModelBuilder.Node("Neg", ["x"], "a"), branch).WithInput("x");
    }
}
