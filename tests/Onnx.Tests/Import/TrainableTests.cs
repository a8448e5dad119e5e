using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Import;

public sealed class TrainableTests
{
    [Fact]
    public void Clean_scalar_of_a_pytorch_model_is_a_parameter_and_an_exporter_scalar_is_not()
    {
        var model = Model(ModelBuilder.Node("Mul", ["x", "logit_scale"], "h"), ModelBuilder.Node("Mul", ["h", "onnx::Mul_5"], "y", "/Mul"))
            .With(TensorFactory.Scalar("logit_scale", 2.5f), TensorFactory.Scalar("onnx::Mul_5", 0.125f));
        Assert.Equal(["logit_scale"], Trainable(model));
    }

    [Fact]
    public void Running_statistics_are_not_trained()
    {
        var model = Model(ModelBuilder.Node("BatchNormalization", ["x", "s", "b", "m", "v"], "y"))
            .With(Vector("s", 1), Vector("b", 2), Vector("m", 3), Vector("v", 4));
        Assert.Equal(["s", "b"], Trainable(model));
    }

    [Fact]
    public void What_no_gradient_reaches_is_not_trained_and_said_so()
    {
        var model = Model(
                ModelBuilder.Node("Greater", ["x", "threshold"], "g"),
                ModelBuilder.Node("Where", ["g", "x", "other"], "y"),
                ModelBuilder.Node("Mul", ["x", "dangling"], "unused"))
            .With(Vector("threshold", 1), Vector("other", 2), Vector("dangling", 3));
        var report = ModelImporter.Import(model);
        Assert.Equal(["other"], report.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name));
        Assert.Contains(report.Messages, message => message.Contains("'threshold'", StringComparison.Ordinal));
        Assert.Contains(report.Messages, message => message.Contains("'dangling'", StringComparison.Ordinal));
    }

    [Fact]
    public void Integer_tensors_are_not_trained()
    {
        var model = Model(ModelBuilder.Node("Gather", ["table", "ids"], "y"))
            .With(ModelBuilder.Random("table", 1, 8, 4), TensorFactory.Vector("ids", 1, 2));
        Assert.Equal(["table"], Trainable(model));
    }

    [Fact]
    public void Masks_are_not_trained()
    {
        var additive = TensorFactory.FromSingles("mask", [2, 2], [0, float.NegativeInfinity, 0, 0]);
        var triangle = TensorFactory.FromSingles("attn.bias", [1, 2, 2], [1, 0, 1, 1]);
        var model = Model(ModelBuilder.Node("Add", ["x", "mask"], "h"), ModelBuilder.Node("Mul", ["h", "attn.bias"], "y"))
            .With(additive, triangle);
        Assert.Empty(Trainable(model));
    }

    [Fact]
    public void A_mask_may_subtract_a_hundred()
    {
        var model = Model(ModelBuilder.Node("Add", ["x", "mask"], "h"), ModelBuilder.Node("Add", ["h", "table"], "y"))
            .With(TensorFactory.FromSingles("mask", [2, 2], [0, -100, 0, -100]), TensorFactory.FromSingles("table", [2, 2], [0, -100, 0, -50]));
        Assert.Equal(["table"], Trainable(model));
    }

    [Theory]
    [InlineData("conv.weight_orig", "conv.weight_u", "other.weight_v")]
    [InlineData("conv.parametrizations.weight.original", "conv.parametrizations.weight.0._u", "other.parametrizations.weight.0._v")]
    public void Vectors_of_a_spectral_normalization_are_not_trained(string original, string vector, string otherwise)
    {
        var model = Model(ModelBuilder.Node("MatMul", ["x", original], "h"), ModelBuilder.Node("Mul", ["h", vector], "i"), ModelBuilder.Node("Mul", ["i", otherwise], "y"))
            .With(ModelBuilder.Random(original, 1, 4, 4), ModelBuilder.Random(vector, 2, 4), ModelBuilder.Random(otherwise, 3, 4));
        Assert.Equal([original, otherwise], Trainable(model));
    }

    [Fact]
    public void Fixed_position_encodings_are_not_trained_but_learned_ones_are()
    {
        var table = new float[6 * 8];
        for (var i = 0; i < table.Length; i++)
        {
            var angle = (i / 8) / Math.Pow(10000, (i % 8 / 2) / 4.0);
            table[i] = (float)(i % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
        }

        var model = Model(ModelBuilder.Node("Add", ["x", "pe"], "h"), ModelBuilder.Node("Add", ["h", "pos"], "y"))
            .With(TensorFactory.FromSingles("pe", [1, 6, 8], table), ModelBuilder.Random("pos", 1, 1, 6, 8));
        Assert.Equal(["pos"], Trainable(model));
    }

    [Fact]
    public void Norm_weights_of_one_and_biases_of_zero_are_no_sine_table()
    {
        var model = Model(ModelBuilder.Node("Mul", ["x", "weight"], "h"), ModelBuilder.Node("Add", ["h", "bias"], "y"))
            .With(ModelBuilder.Filled("weight", 1, 1, 4, 4), ModelBuilder.Filled("bias", 0, 1, 4, 4));
        Assert.Equal(["weight", "bias"], Trainable(model));
    }

    [Fact]
    public void Initializers_listed_as_inputs_are_parameters()
    {
        var model = Model(ModelBuilder.Node("Mul", ["x", "w"], "y")).WithInput("w", 4).With(Vector("w", 1));
        model.Proto.IrVersion = 3;
        Assert.Equal(["w"], Trainable(model));
        Assert.Equal(["x"], model.Graph.Input.Select(input => input.Name));
        Assert.Equal(4, model.Proto.IrVersion);
    }

    [Fact]
    public void Constant_nodes_in_the_place_of_weights_become_parameters_unless_pytorch_wrote_them()
    {
        OnnxModel Create() => Model(
            NodeFactory.Constant("dense/kernel", ModelBuilder.Random("", 1, 4, 4)),
            ModelBuilder.Node("MatMul", ["x", "dense/kernel"], "y"));
        Assert.Empty(Trainable(Create()));
        var model = Create();
        model.Proto.ProducerName = "tf2onnx";
        Assert.Equal(["dense/kernel"], Trainable(model));
        Assert.Equal("MatMul", Assert.Single(model.Graph.Node).OpType);
    }

    [Fact]
    public void Values_filled_by_a_node_in_the_place_of_weights_become_parameters()
    {
        var model = Model(
            NodeFactory.Create("ConstantOfShape", ["kernel_shape"], ["kernel"]).SetTensor("value", TensorFactory.FromSingles("", [1], [0.5f])),
            NodeFactory.Create("ConstantOfShape", ["other_shape"], ["other"]),
            ModelBuilder.Node("MatMul", ["x", "kernel"], "z"),
            ModelBuilder.Node("Add", ["z", "other"], "y"))
            .With(TensorFactory.Vector("kernel_shape", 4, 4), TensorFactory.Vector("other_shape", 4));
        model.Proto.ProducerName = "onnx-caffe2";
        Assert.Equal(["kernel"], Trainable(model));
        Assert.Equal([.. Enumerable.Repeat(0.5f, 16)], model.Graph.FindInitializer("kernel")!.ToSingles());
        Assert.Equal(["ConstantOfShape", "MatMul", "Add"], model.Graph.Node.Select(node => node.OpType));
        Assert.Null(model.Graph.FindInitializer("kernel_shape"));
    }

    [Fact]
    public void A_filled_weight_that_no_memory_holds_names_itself()
    {
        var model = Model(NodeFactory.Create("ConstantOfShape", ["shape"], ["kernel"]), ModelBuilder.Node("MatMul", ["x", "kernel"], "y"))
            .With(TensorFactory.Vector("shape", 4, 1L << 40));
        model.Proto.ProducerName = "onnx-caffe2";
        Assert.Contains("'kernel'", Assert.Throws<OnnxFormatException>(() => Trainable(model).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_precision_parameters_are_trained()
    {
        var model = Model(ModelBuilder.Node("Mul", ["x", "w"], "y"))
            .With(TensorFactory.Raw("w", TensorElementType.Float16, [2], [1, 2, 3, 4]));
        Assert.Equal(["w"], Trainable(model));
    }

    private static TensorProto Vector(string name, int seed) => ModelBuilder.Random(name, seed, 4);

    private static IEnumerable<string> Trainable(OnnxModel model) =>
        ModelImporter.Import(model).Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name);

    private static OnnxModel Model(params NodeProto[] nodes) => ModelBuilder.Create(nodes).WithInput("x", "batch", 4).WithOutput("y", "batch", 4);
}
