using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests;

/// <summary>What old operator sets wrote differently. That the rewritten models compute the same is seen where they are run.</summary>
public sealed class OperatorSetUpgradeTests
{
    [Fact]
    public void A_model_of_operator_set_13_stays_as_it_is()
    {
        var model = Model(13, Node("Relu", ["x"]));
        var before = model.Proto.Clone();
        Assert.Null(OperatorSetUpgrade.Apply(model));
        Assert.Equal(before, model.Proto);
    }

    [Fact]
    public void What_was_an_attribute_is_an_input()
    {
        var model = Model(9, Node("Clip", ["x"]).SetFloat("min", -1).SetFloat("max", 2), Node("Unsqueeze", ["y0"]).SetInts("axes", 0, 2));
        Assert.Contains("operator set 9", OperatorSetUpgrade.Apply(model), StringComparison.Ordinal);
        Assert.Equal(13, model.GetOpsetVersion());
        var clip = model.Graph.Node[0];
        Assert.Empty(clip.Attribute);
        Assert.Equal([-1], model.Graph.FindInitializer(clip.Input[1])!.ToSingles());
        Assert.Equal([2], model.Graph.FindInitializer(clip.Input[2])!.ToSingles());
        Assert.Equal([0, 2], model.Graph.FindInitializer(model.Graph.Node[1].Input[1])!.ToInt64s());
    }

    [Fact]
    public void An_upper_bound_alone_leaves_the_lower_one_out()
    {
        var model = Model(6, Node("Clip", ["x"]).SetFloat("max", 2));
        OperatorSetUpgrade.Apply(model);
        Assert.Equal("", model.Graph.Node[0].Input[1]);
        Assert.Equal(3, model.Graph.Node[0].Input.Count);
    }

    [Fact]
    public void A_dropout_keeps_its_ratio_and_stays_out_of_training_mode()
    {
        var model = Model(6, Node("Dropout", ["x"]).SetFloat("ratio", 0.1f).SetInt("is_test", 0));
        OperatorSetUpgrade.Apply(model);
        var dropout = model.Graph.Node[0];
        Assert.Empty(dropout.Attribute);
        Assert.Equal(2, dropout.Input.Count);
        Assert.Equal([0.1f], model.Graph.FindInitializer(dropout.Input[1])!.ToSingles());
    }

    [Fact]
    public void Softmax_over_several_axes_flattens_them()
    {
        var model = Model(9, Node("Softmax", ["x"]));
        OperatorSetUpgrade.Apply(model);
        Assert.Equal(["Shape", "Flatten", "Softmax", "Reshape"], model.Graph.Node.Select(node => node.OpType));
        Assert.Equal("y0", model.Graph.Node[^1].Output[0]);
        Assert.Equal(-1, model.Graph.Node[2].GetInt("axis", 0));
    }

    [Fact]
    public void Softmax_over_the_last_axis_only_says_so()
    {
        var model = Model(9, Node("Softmax", ["x"]).SetInt("axis", 3));
        OperatorSetUpgrade.Apply(model);
        Assert.Equal(["Softmax"], model.Graph.Node.Select(node => node.OpType));
    }

    [Fact]
    public void A_slope_per_channel_lies_at_the_channels()
    {
        var model = Model(6, Node("PRelu", ["x", "w"])).With(TensorFactory.FromSingles("w", [3], [1, 2, 3]));
        OperatorSetUpgrade.Apply(model);
        Assert.Equal([1, 2], model.Graph.FindInitializer(model.Graph.Node[0].Input[1])!.ToInt64s());
        Assert.Equal(model.Graph.Node[0].Output[0], model.Graph.Node[1].Input[1]);
    }

    [Fact]
    public void Graphs_inside_nodes_are_rewritten_too()
    {
        var body = new GraphProto { Node = { Node("Squeeze", ["x"]).SetInts("axes", 0) } };
        var outer = Node("If", ["c"]);
        outer.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = body });
        var model = Model(11, outer);
        OperatorSetUpgrade.Apply(model);
        Assert.Equal(2, model.Graph.Node[0].Attribute[0].G.Node[0].Input.Count);
    }

    [Theory]
    [InlineData("Scan", 8, "no later one has")]
    [InlineData("BatchNormalization", 7, "spatial 0")]
    public void What_no_later_operator_set_has_is_refused_by_name(string operation, long version, string reason)
    {
        var model = Model(version, Node(operation, ["x"]).SetInt("spatial", 0));
        var message = Assert.Throws<OnnxFormatException>(() => OperatorSetUpgrade.Apply(model)).Message;
        Assert.Contains($"the_{operation}", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    private static NodeProto Node(string operation, string[] inputs) => NodeFactory.Create(operation, inputs, [inputs[0] == "y0" ? "y1" : "y0"], $"the_{operation}");

    private static OnnxModel Model(long version, params NodeProto[] nodes)
    {
        var graph = new GraphProto { Node = { nodes }, Input = { ValueInfos.Create("x", TensorElementType.Float, (ReadOnlySpan<long>)[2, 3, 4, 5]) } };
        var proto = new ModelProto { IrVersion = 5, Graph = graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Version = version });
        return new OnnxModel(proto);
    }
}
