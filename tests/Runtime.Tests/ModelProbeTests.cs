using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Runtime.Tests;

public sealed class ModelProbeTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public void Every_value_of_vlm_gets_its_exact_shape()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx"));

        var table = ModelProbe.Describe(runtime.Environment, model, TestModels.VlmInputs(8));

        var computed = model.Graph.Node.SelectMany(node => node.Output).Where(output => output.Length > 0).ToList();
        Assert.Equal(262, computed.Count);
        Assert.All(computed, value =>
        {
            Assert.True(table.TryGet(value, out var description), value);
            Assert.NotEqual(TensorElementType.Undefined, description.Type);
            Assert.DoesNotContain(description.Shape, length => length < 0);
        });
        Assert.Equal([8L, 16L, 32L], table["logits"].Shape);
        Assert.Equal([8L, 1L, 28L, 28L], table["image"].Shape);
        Assert.All(model.Graph.Initializer, tensor => Assert.Equal(tensor.Shape(), table[tensor.Name].Shape));
    }

    [Fact]
    public void Shape_computations_of_vlm_are_constant_and_activations_are_not()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx"));

        var table = ModelProbe.Describe(runtime.Environment, model, TestModels.VlmInputs(8));

        foreach (var node in model.Graph.Node)
        {
            var constant = table.Constant(node.Output[0]);
            if (node.OpType == "Shape")
            {
                Assert.Equal(table[node.Input[0]].Shape, constant!.ToInt64s());
            }

            // Every target shape of a Reshape or Expand must be known for gradients to be built.
            if (node.OpType is "Reshape" or "Expand")
            {
                Assert.NotNull(table.Constant(node.Input[1]));
            }

            if (node.OpType is "MatMul" or "Softmax" or "Conv")
            {
                Assert.Null(constant);
            }
        }

        Assert.Null(table.Constant("image"));
        Assert.Null(table.Constant("input_ids"));
        Assert.Null(table.Constant("logits"));
    }

    [Fact]
    public void Every_value_of_the_folded_export_gets_its_exact_shape()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm_default_export.onnx"));
        ModelImporter.Import(model);

        var table = ModelProbe.Describe(runtime.Environment, model, TestModels.VlmInputs(4));

        Assert.All(
            model.Graph.Node.SelectMany(node => node.Output).Where(output => output.Length > 0),
            value => Assert.DoesNotContain(table[value].Shape, length => length < 0));
        Assert.Equal([4L, 16L, 32L], table["logits"].Shape);
    }

    [Fact]
    public void Values_inside_and_behind_a_branch_follow_the_data_of_its_condition()
    {
        static GraphProto Branch(string name, long value)
        {
            var graph = new GraphProto { Name = name };
            graph.Node.Add(TestModels.Node("Constant", [], [name]).SetTensor("value", TensorFactory.Scalar(name, value)));
            graph.Output.Add(ValueInfos.Create(name, TensorElementType.Int64, (ReadOnlySpan<long>)[]));
            return graph;
        }

        NodeProto If(string condition, string output)
        {
            var node = TestModels.Node("If", [condition], [output]);
            node.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = Branch("then_" + output, 1) });
            node.Attribute.Add(new AttributeProto { Name = "else_branch", Type = AttributeProto.Types.AttributeType.Graph, G = Branch("else_" + output, 2) });
            return node;
        }

        var model = TestModels.Of(
            ["x"],
            ["from_shape", "from_data"],
            TestModels.Node("Size", ["x"], ["size"]),
            TestModels.Node("Cast", ["size"], ["fixed_condition"]).SetInt("to", 9),
            TestModels.Node("ReduceMax", ["x"], ["largest"]).SetInt("keepdims", 0),
            TestModels.Node("Cast", ["largest"], ["data_condition"]).SetInt("to", 9),
            If("fixed_condition", "from_shape"),
            If("data_condition", "from_data"));
        using var x = OrtTensor.FromSingles([1, 2], 2);

        var table = ModelProbe.Describe(runtime.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([1L], table.Constant("from_shape")!.ToInt64s());
        Assert.Null(table.Constant("from_data"));
    }

    [Fact]
    public void Square_roots_of_axis_lengths_are_constant_but_not_what_parameters_give()
    {
        var model = TestModels.Of(
            ["x"],
            ["scaled"],
            TestModels.Node("Shape", ["x"], ["shape"]),
            TestModels.Node("ReduceProd", ["shape"], ["count"]).SetInt("keepdims", 0),
            TestModels.Node("Cast", ["count"], ["count_float"]).SetInt("to", 1),
            TestModels.Node("Sqrt", ["count_float"], ["root"]),
            TestModels.Node("Mul", ["root", "weight"], ["weighted"]),
            TestModels.Node("Mul", ["x", "weighted"], ["scaled"]));
        model.Graph.Initializer.Add(TensorFactory.Scalar("weight", 2f));
        using var x = OrtTensor.FromSingles(new float[16], 16);

        var table = ModelProbe.Describe(runtime.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([16L], table.Constant("shape")!.ToInt64s());
        Assert.Equal([4f], table.Constant("root")!.ToSingles());
        Assert.Null(table.Constant("weighted"));
        Assert.Null(table.Constant("scaled"));
        Assert.Equal([16L], table["scaled"].Shape);
    }

    [Fact]
    public void Large_weights_are_not_read()
    {
        var model = LargeWeights(("MatMul", ["x", "weight"], ["product"]));
        // Bytes that are no tensor's: a session that was given them would refuse.
        model.Graph.Initializer[0].RawData = Google.Protobuf.ByteString.Empty;
        using var x = OrtTensor.FromSingles(new float[300], 300);

        var table = ModelProbe.Describe(runtime.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([300L], table["product"].Shape);
        Assert.Equal([300L, 300], table["weight"].Shape);
    }

    [Fact]
    public void Large_weights_are_read_where_shapes_come_from_data()
    {
        var model = LargeWeights(("MatMul", ["x", "weight"], ["product"]), ("NonZero", ["weight"], ["places"]));
        using var x = OrtTensor.FromSingles(new float[300], 300);

        var table = ModelProbe.Describe(runtime.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([2L, 7], table["places"].Shape);
    }

    private static OnnxModel LargeWeights(params (string Operator, string[] Inputs, string[] Outputs)[] nodes)
    {
        var model = TestModels.Of(["x"], [nodes[^1].Outputs[0]], [.. nodes.Select(node => TestModels.Node(node.Operator, node.Inputs, node.Outputs))]);
        var values = new float[300 * 300];
        values.AsSpan(11, 7).Fill(3);
        model.Graph.Initializer.Add(TensorFactory.FromSingles("weight", [300, 300], values));
        return model;
    }

    [Fact]
    public void A_shape_that_comes_from_data_is_not_constant()
    {
        var model = TestModels.Of(
            ["x"], ["shape"], TestModels.Node("NonZero", ["x"], ["indices"]), TestModels.Node("Shape", ["indices"], ["shape"]));
        using var x = OrtTensor.FromSingles([0, 1, 0, 2], 4);

        var table = ModelProbe.Describe(runtime.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([1L, 2L], table["indices"].Shape);
        Assert.Null(table.Constant("shape"));
    }

    [Fact]
    public void Sequences_are_left_out_and_do_not_stop_the_probe()
    {
        var model = TestModels.Of(
            ["x"],
            ["y"],
            TestModels.Node("SequenceConstruct", ["x", "x"], ["pair"]),
            TestModels.Node("ConcatFromSequence", ["pair"], ["y"]).SetInt("axis", 0));
        using var x = OrtTensor.FromSingles([1, 2], 2);

        var table = ModelProbe.Describe(runtime.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = x });

        Assert.Equal([4L], table["y"].Shape);
        Assert.False(table.TryGet("pair", out _));
    }

    [Fact]
    public void The_model_is_left_as_it_was()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx"));
        var before = model.ToBytes();

        ModelProbe.Describe(runtime.Environment, model, TestModels.VlmInputs(1));

        Assert.Equal(before, model.ToBytes());
    }
}
