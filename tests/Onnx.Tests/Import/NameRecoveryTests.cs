using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Import;

public sealed class NameRecoveryTests
{
    [Theory]
    [InlineData("MatMul", 1, "/encoder/layers.0/fc1/MatMul", "encoder.layers.0.fc1.weight", true)]
    [InlineData("Gemm", 1, "/head/Gemm", "head.weight", true)]
    [InlineData("Conv", 1, "/features/features.1/conv/conv.0/conv.0.0/Conv", "features.1.conv.0.0.weight", false)]
    [InlineData("Conv", 2, "/stem/conv/Conv", "stem.conv.bias", false)]
    [InlineData("ConvTranspose", 1, "/up/ConvTranspose", "up.weight", false)]
    [InlineData("PRelu", 1, "/act/PRelu", "act.weight", false)]
    [InlineData("LSTM", 1, "/rnn/LSTM", "rnn.weight_ih_l0", false)]
    [InlineData("LSTM", 2, "/rnn/LSTM_1", "rnn.weight_hh_l1", false)]
    [InlineData("GRU", 3, "/rnn/GRU_2", "rnn.bias_l2", false)]
    public void Generated_name_becomes_the_modules_parameter(string op, int input, string node, string expected, bool transposed)
    {
        var inputs = new[] { "x", "a", "b", "c" };
        inputs[input] = $"onnx::{op}_12";
        var model = Model(ModelBuilder.Node(op, inputs[..(input + 1)], "y", node))
            .With(ModelBuilder.Random($"onnx::{op}_12", 1, 4, 6));
        foreach (var other in inputs[1..input])
        {
            model.WithInput(other);
        }

        var parameter = Assert.Single(ModelImporter.Import(model).Parameters);

        Assert.Equal(new ImportedParameter(expected, $"onnx::{op}_12", transposed, Trainable: true), parameter);
        Assert.Equal(expected, model.Graph.Node[0].Input[input]);
        Assert.Equal(expected, model.Graph.Initializer[0].Name);
    }

    [Fact]
    public void Gemm_that_transposes_itself_holds_the_weight_as_pytorch_does()
    {
        var model = Model(ModelBuilder.Node("Gemm", ["x", "onnx::Gemm_1"], "y", "/fc/Gemm").SetInt("transB", 1))
            .With(ModelBuilder.Random("onnx::Gemm_1", 1, 4, 6));
        Assert.False(Assert.Single(ModelImporter.Import(model).Parameters).Transposed);
    }

    [Fact]
    public void Named_bias_decides_between_parameters_of_one_module()
    {
        var model = Model(
                ModelBuilder.Node("MatMul", ["x", "onnx::MatMul_7"], "p", "/attn/MatMul"),
                ModelBuilder.Node("Add", ["attn.in_proj_bias", "p"], "q", "/attn/Add"),
                ModelBuilder.Node("Gemm", ["q", "onnx::Gemm_8", "attn.out_proj.bias"], "y", "/attn/Gemm"))
            .With(
                ModelBuilder.Random("onnx::MatMul_7", 1, 4, 12), ModelBuilder.Random("attn.in_proj_bias", 2, 12),
                ModelBuilder.Random("onnx::Gemm_8", 3, 12, 4), ModelBuilder.Random("attn.out_proj.bias", 4, 4));
        Assert.Equal(
            ["attn.in_proj_weight", "attn.in_proj_bias", "attn.out_proj.weight", "attn.out_proj.bias"],
            ModelImporter.Import(model).Parameters.Select(parameter => parameter.Name));
    }

    [Fact]
    public void Scale_and_shift_of_a_decomposed_group_norm_are_found()
    {
        var model = Model(
                ModelBuilder.Node("InstanceNormalization", ["x", "/gn/Constant_1", "/gn/Constant_2"], "n", "/gn/InstanceNormalization"),
                ModelBuilder.Node("Mul", ["n", "onnx::Mul_5"], "m", "/gn/Mul"),
                ModelBuilder.Node("Add", ["m", "onnx::Add_6"], "y", "/gn/Add"))
            .With(
                ModelBuilder.Filled("/gn/Constant_1", 1, 2), ModelBuilder.Filled("/gn/Constant_2", 0, 2),
                ModelBuilder.Random("onnx::Mul_5", 1, 8, 1, 1), ModelBuilder.Random("onnx::Add_6", 2, 8, 1, 1));
        Assert.Equal(
            ["gn.weight", "gn.bias"],
            ModelImporter.Import(model).Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name));
    }

    [Fact]
    public void Scopes_of_the_newer_exporter_are_read()
    {
        var node = ModelBuilder.Node("MatMul", ["x", "val_3"], "y", "node_matmul");
        node.MetadataProps.Add(new StringStringEntryProto { Key = "pkg.torch.onnx.name_scopes", Value = "['', 'layers.0', 'layers.0.fc1', 'linear']" });
        var model = Model(node).With(ModelBuilder.Random("val_3", 1, 4, 6));
        var parameter = Assert.Single(ModelImporter.Import(model).Parameters);
        Assert.Equal(("layers.0.fc1.weight", true, true), (parameter.Name, parameter.Transposed, parameter.Trainable));
    }

    [Fact]
    public void Known_parameters_decide_how_a_repeated_scope_is_read()
    {
        var model = Model(
                ModelBuilder.Node("MatMul", ["x", "onnx::MatMul_1"], "h", "/a/a.0/MatMul"),
                ModelBuilder.Node("Mul", ["h", "a.a.0.gain"], "y", "/a/a.0/Mul"))
            .With(ModelBuilder.Random("onnx::MatMul_1", 1, 4, 6), ModelBuilder.Random("a.a.0.gain", 2, 6));
        Assert.Equal("a.a.0.weight", ModelImporter.Import(model).Parameters[0].Name);
    }

    [Fact]
    public void Name_clash_keeps_both_parameters_and_is_reported()
    {
        var model = Model(
                ModelBuilder.Node("MatMul", ["x", "onnx::MatMul_1"], "h", "/fc/MatMul"),
                ModelBuilder.Node("MatMul", ["h", "onnx::MatMul_2"], "g", "/fc/MatMul_1"),
                ModelBuilder.Node("MatMul", ["g", "fc.weight"], "y", "/other/MatMul"))
            .With(
                ModelBuilder.Random("onnx::MatMul_1", 1, 4, 4), ModelBuilder.Random("onnx::MatMul_2", 2, 4, 4),
                ModelBuilder.Random("fc.weight", 3, 4, 4));
        var values = model.Graph.Initializer.Select(tensor => tensor.RawBytes()).ToList();

        var report = ModelImporter.Import(model);

        Assert.Equal(["fc.weight_1", "fc.weight_2", "fc.weight"], report.Parameters.Select(parameter => parameter.Name));
        Assert.Equal(values, model.Graph.Initializer.Select(tensor => tensor.RawBytes()));
        Assert.Equal(["fc.weight_1", "fc.weight_2", "fc.weight"], model.Graph.Node.Select(node => node.Input[1]));
        Assert.Equal(2, report.Messages.Count(message => message.Contains("because 'fc.weight' is taken", StringComparison.Ordinal)));
    }

    [Fact]
    public void Weight_of_two_nodes_gets_one_name_and_stays_tied()
    {
        var model = Model(
                ModelBuilder.Node("MatMul", ["x", "onnx::MatMul_1"], "h", "/first/MatMul"),
                ModelBuilder.Node("MatMul", ["h", "onnx::MatMul_1"], "y", "/second/MatMul"))
            .With(ModelBuilder.Random("onnx::MatMul_1", 1, 4, 4));
        var report = ModelImporter.Import(model);
        Assert.Equal("first.weight", Assert.Single(report.Parameters).Name);
        Assert.All(model.Graph.Node, node => Assert.Equal("first.weight", node.Input[1]));
        Assert.Contains(report.Messages, message => message.Contains("stays tied", StringComparison.Ordinal));
    }

    [Fact]
    public void Weight_without_a_scope_keeps_its_name_and_is_trained()
    {
        var model = Model(ModelBuilder.Node("MatMul", ["x", "17"], "y", "MatMul_3")).With(ModelBuilder.Random("17", 1, 4, 4));
        Assert.Equal(new ImportedParameter("17", "17", false, true), Assert.Single(ModelImporter.Import(model).Parameters));
    }

    [Fact]
    public void Renamed_initializer_used_inside_a_subgraph_is_renamed_there()
    {
        var body = new GraphProto { Name = "then", Node = { ModelBuilder.Node("Neg", ["onnx::MatMul_1"], "n") } };
        body.Output.Add(ValueInfos.Create("n", TensorElementType.Float, [Dimension.Unknown]));
        var branch = ModelBuilder.Node("If", ["c"], "z");
        branch.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = body });
        var model = Model(ModelBuilder.Node("MatMul", ["x", "onnx::MatMul_1"], "y", "/fc/MatMul"), branch)
            .WithInput("c").With(ModelBuilder.Random("onnx::MatMul_1", 1, 4, 4));
        ModelImporter.Import(model);
        Assert.Equal("fc.weight", body.Node[0].Input[0]);
    }

    private static OnnxModel Model(params NodeProto[] nodes) => ModelBuilder.Create(nodes).WithInput("x", "batch", 4).WithOutput("y", "batch", 4);
}
