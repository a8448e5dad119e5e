using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Graphs;

public sealed class GraphIndexTests
{
    [Fact]
    public void Producers_consumers_and_initializers_are_found()
    {
        var model = ModelBuilder.Create(
                ModelBuilder.Node("Mul", ["x", "x"], "a"), ModelBuilder.Node("Add", ["a", "w"], "b"), ModelBuilder.Node("Neg", ["a"], "c"))
            .WithInput("x").With(TensorFactory.Scalar("w", 1f));
        var index = new GraphIndex(model.Graph);
        Assert.Same(model.Graph.Node[0], index.Producer("a"));
        Assert.Null(index.Producer("x"));
        Assert.Equal(["Add", "Neg"], index.Consumers("a").Select(node => node.OpType));
        Assert.Single(index.Consumers("x"));
        Assert.Empty(index.Consumers("c"));
        Assert.Same(model.Graph.Initializer[0], index.Initializer("w"));
        Assert.Null(index.Initializer("x"));
    }

    [Fact]
    public void Sorted_graph_keeps_its_order_and_an_unsorted_one_is_sorted()
    {
        var model = ModelBuilder.Create(
                ModelBuilder.Node("Add", ["b", "c"], "d"), ModelBuilder.Node("Neg", ["a"], "c"),
                ModelBuilder.Node("Abs", ["a"], "b"), ModelBuilder.Node("Exp", ["x"], "a"))
            .WithInput("x");
        Assert.Equal(["Exp", "Neg", "Abs", "Add"], new GraphIndex(model.Graph).TopologicalOrder().Select(node => node.OpType));
        model.Graph.SortTopologically();
        Assert.Equal(model.Graph.Node, new GraphIndex(model.Graph).TopologicalOrder());
    }

    [Fact]
    public void Subgraph_captures_are_consumers_and_order_the_graph()
    {
        var inner = ModelBuilder.Node("If", ["local"], "r");
        inner.Attribute.Add(Graph("then_branch", new GraphProto { Node = { ModelBuilder.Node("Neg", ["late"], "n") } }));
        var body = new GraphProto { Node = { ModelBuilder.Node("Not", ["flag"], "local"), inner } };
        body.Input.Add(ValueInfos.Create("flag", TensorElementType.Bool, [Dimension.Unknown]));
        body.Output.Add(ValueInfos.Create("direct", TensorElementType.Float, [Dimension.Unknown]));
        var loop = ModelBuilder.Node("Loop", ["count"], "y");
        loop.Attribute.Add(Graph("body", body));
        var model = ModelBuilder.Create(loop, ModelBuilder.Node("Exp", ["x"], "late"), ModelBuilder.Node("Abs", ["x"], "direct"))
            .WithInput("x").WithInput("count");

        var index = new GraphIndex(model.Graph);

        Assert.Same(loop, Assert.Single(index.Consumers("late")));
        Assert.Same(loop, Assert.Single(index.Consumers("direct")));
        Assert.Empty(index.Consumers("local"));
        Assert.Equal(["count", "late", "direct"], index.Inputs(loop));
        Assert.Same(loop, index.TopologicalOrder()[^1]);
    }

    [Fact]
    public void Cycle_names_its_nodes()
    {
        var model = ModelBuilder.Create(
                ModelBuilder.Node("Add", ["x", "c"], "a", "first"), ModelBuilder.Node("Neg", ["a"], "b", "second"),
                ModelBuilder.Node("Abs", ["b"], "c", "third"), ModelBuilder.Node("Exp", ["c"], "d", "outside"))
            .WithInput("x");
        var message = Assert.Throws<OnnxFormatException>(() => new GraphIndex(model.Graph).TopologicalOrder()).Message;
        Assert.All(["'first'", "'second'", "'third'"], name => Assert.Contains(name, message, StringComparison.Ordinal));
        Assert.DoesNotContain("'outside'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_value_names_value_and_user()
    {
        var model = ModelBuilder.Create(ModelBuilder.Node("Neg", ["ghost"], "y", "/act/Neg"));
        var message = Assert.Throws<OnnxFormatException>(() => new GraphIndex(model.Graph).TopologicalOrder()).Message;
        Assert.Contains("'/act/Neg' (Neg)", message, StringComparison.Ordinal);
        Assert.Contains("'ghost'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_producers_are_named()
    {
        var twice = ModelBuilder.Create(ModelBuilder.Node("Neg", ["x"], "y", "n1"), ModelBuilder.Node("Abs", ["x"], "y", "n2")).WithInput("x");
        var message = Assert.Throws<OnnxFormatException>(() => new GraphIndex(twice.Graph)).Message;
        Assert.All(["'y'", "'n1'", "'n2'"], part => Assert.Contains(part, message, StringComparison.Ordinal));
        var shadow = ModelBuilder.Create(ModelBuilder.Node("Neg", ["x"], "x", "n1")).WithInput("x");
        Assert.Contains("'x'", Assert.Throws<OnnxFormatException>(() => new GraphIndex(shadow.Graph)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Left_out_inputs_and_outputs_are_no_values()
    {
        var clip = NodeFactory.Create("Clip", ["x", "", "max"], ["y"]);
        var dropout = NodeFactory.Create("LayerNormalization", ["y", "w"], ["z", "", "s"]);
        var second = NodeFactory.Create("LayerNormalization", ["z", "w"], ["z2", "", "s2"]);
        var model = ModelBuilder.Create(clip, dropout, second).WithInput("x").WithInput("w").WithInput("max");
        Assert.Equal(3, new GraphIndex(model.Graph).TopologicalOrder().Count);
    }

    private static AttributeProto Graph(string name, GraphProto graph) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph };
}
