using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Tests;

public sealed class ParameterKindsTests
{
    [Theory]
    [InlineData("visual_encoder.pos", ParameterKind.Other, ModuleKind.Other, false)]
    [InlineData("visual_encoder.patch.weight", ParameterKind.DepthwiseConvolution, ModuleKind.DepthwiseConvolution, false)]
    [InlineData("visual_encoder.patch.bias", ParameterKind.Bias, ModuleKind.DepthwiseConvolution, true)]
    [InlineData("visual_encoder.bn.weight", ParameterKind.Norm, ModuleKind.Normalization, false)]
    [InlineData("visual_encoder.bn.bias", ParameterKind.Norm, ModuleKind.Normalization, true)]
    [InlineData("visual_encoder.dw.weight", ParameterKind.DepthwiseConvolution, ModuleKind.DepthwiseConvolution, false)]
    [InlineData("visual_encoder.blocks.0.ln1.weight", ParameterKind.Norm, ModuleKind.Normalization, false)]
    [InlineData("visual_encoder.blocks.0.attn.qkv.weight", ParameterKind.Linear, ModuleKind.Linear, false)]
    [InlineData("visual_encoder.blocks.0.attn.qkv.bias", ParameterKind.Bias, ModuleKind.Linear, true)]
    [InlineData("language_model.pos", ParameterKind.Other, ModuleKind.Other, false)]
    [InlineData("language_model.embed_tokens.weight", ParameterKind.Embedding, ModuleKind.Embedding, false)]
    [InlineData("language_model.layers.1.norm2.weight", ParameterKind.Norm, ModuleKind.RmsNormalization, false)]
    [InlineData("language_model.norm.weight", ParameterKind.Norm, ModuleKind.RmsNormalization, false)]
    [InlineData("language_model.lm_head.weight", ParameterKind.Linear, ModuleKind.Linear, false)]
    public void Parameters_of_the_vision_language_model(string name, ParameterKind kind, ModuleKind module, bool isBias)
    {
        var parameter = ParamwiseGolden.Vlm().Single(parameter => parameter.Name == name);
        Assert.Equal((kind, module, isBias), (parameter.Kind, parameter.Module, parameter.IsBias));
    }

    [Theory]
    [InlineData("gpt_nano/gpt_nano.onnx", "wte.weight", ParameterKind.Embedding)]
    [InlineData("gpt_nano/gpt_nano.onnx", "wpe.weight", ParameterKind.Other)]
    [InlineData("gpt_nano/gpt_nano.onnx", "blocks.3.ln2.bias", ParameterKind.Norm)]
    [InlineData("gpt_nano/gpt_nano.onnx", "head.weight", ParameterKind.Linear)]
    [InlineData("zoo/bert/model.onnx", "pos.weight", ParameterKind.Embedding)]
    [InlineData("zoo/bert/model.onnx", "cls.bias", ParameterKind.Bias)]
    [InlineData("zoo/cnn_bn/model.onnx", "c1.weight", ParameterKind.Convolution)]
    [InlineData("zoo/cnn_bn/model.onnx", "b1.bias", ParameterKind.Norm)]
    [InlineData("zoo/llama_rope_gqa/model.onnx", "n1", ParameterKind.Norm)]
    [InlineData("zoo/llama_rope_gqa/model.onnx", "cos", ParameterKind.Other)]
    [InlineData("zoo/lstm/model.onnx", "r.weight_ih_l0", ParameterKind.Linear)]
    [InlineData("zoo/lstm/model.onnx", "r.bias_hh_l0", ParameterKind.Bias)]
    [InlineData("zoo/moe/model.onnx", "w1", ParameterKind.Linear)]
    [InlineData("zoo/unet/model.onnx", "up.weight", ParameterKind.Convolution)]
    [InlineData("zoo/activations/model.onnx", "slope", ParameterKind.Other)]
    public void Parameters_of_the_zoo(string file, string name, ParameterKind kind)
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture(file.Split('/')));
        var uses = ParameterKinds.Detect(model, model.Graph.Initializer.Select(tensor => tensor.Name));
        Assert.Equal(kind, uses[name].Kind);
    }

    [Fact]
    public void A_layer_normalization_in_primitive_operators_is_a_norm()
    {
        var uses = Detect(
            Graph(("weight", [8]), ("bias", [8]), ("two", []), ("eps", []))
                .With("ReduceMean", ["x"], "mean")
                .With("Sub", ["x", "mean"], "centered")
                .With("Cast", ["centered"], "wide")
                .With("Pow", ["wide", "two"], "square")
                .With("ReduceMean", ["square"], "variance")
                .With("Add", ["variance", "eps"], "safe")
                .With("Sqrt", ["safe"], "deviation")
                .With("Div", ["centered", "deviation"], "normal")
                .With("Identity", ["weight"], "renamed")
                .With("Mul", ["renamed", "normal"], "scaled")
                .With("Add", ["scaled", "bias"], "y"),
            "weight", "bias");
        Assert.Equal((ParameterKind.Norm, ModuleKind.Normalization, false), Summary(uses["weight"]));
        Assert.Equal((ParameterKind.Norm, ModuleKind.Normalization, true), Summary(uses["bias"]));
    }

    [Theory]
    [InlineData("Reciprocal")]
    [InlineData("Div")]
    [InlineData("Pow")]
    public void An_RMS_normalization_in_primitive_operators_is_told_from_a_layer_normalization(string inverse)
    {
        var graph = Graph(("weight", [8]), ("two", []), ("eps", []), ("one", []), ("half", []))
            .With("Mul", ["x", "x"], "square")
            .With("ReduceMean", ["square"], "mean")
            .With("Add", ["eps", "mean"], "safe");
        graph = inverse == "Pow"
            ? graph.With("Pow", ["safe", "half"], "factor")
            : graph.With("Sqrt", ["safe"], "root").With(inverse, inverse == "Div" ? ["one", "root"] : ["root"], "factor");
        graph = graph.With("Mul", ["x", "factor"], "normal")
            .With("Cast", ["normal"], "narrow")
            .With("Add", ["weight", "one"], "shifted")
            .With("Mul", ["narrow", "shifted"], "y");
        var use = Detect(graph, "weight")["weight"];
        Assert.Equal((ParameterKind.Norm, ModuleKind.RmsNormalization, false), Summary(use));
    }

    [Fact]
    public void Group_normalization_exported_as_instance_normalization_is_a_norm()
    {
        var uses = Detect(
            Graph(("weight", [8]), ("bias", [8]), ("ones", [2]), ("zeros", [2]), ("shape", [3]), ("axes", [2]))
                .With("Reshape", ["x", "shape"], "grouped")
                .With("InstanceNormalization", ["grouped", "ones", "zeros"], "normal")
                .With("Reshape", ["normal", "shape"], "ungrouped")
                .With("Unsqueeze", ["weight", "axes"], "wide")
                .With("Mul", ["ungrouped", "wide"], "scaled")
                .With("Unsqueeze", ["bias", "axes"], "wide_bias")
                .With("Add", ["scaled", "wide_bias"], "y"),
            "weight", "bias");
        Assert.Equal((ParameterKind.Norm, ModuleKind.Normalization, false), Summary(uses["weight"]));
        Assert.Equal((ParameterKind.Norm, ModuleKind.Normalization, true), Summary(uses["bias"]));
    }

    [Fact]
    public void A_table_tied_with_the_output_head_is_an_embedding()
    {
        var uses = Detect(
            Graph(("table", [100, 8]))
                .With("Gather", ["table", "x"], "embedded")
                .With("Transpose", ["table"], "head")
                .With("MatMul", ["embedded", "head"], "y"),
            "table");
        Assert.Equal((ParameterKind.Embedding, ModuleKind.Embedding, false), Summary(uses["table"]));
    }

    [Fact]
    public void Layer_scale_after_a_trained_normalization_is_not_a_norm()
    {
        var uses = Detect(
            Graph(("weight", [8]), ("bias", [8]), ("gamma", [8]))
                .With("LayerNormalization", ["x", "weight", "bias"], "normal")
                .With("Mul", ["normal", "gamma"], "y"),
            "weight", "bias", "gamma");
        Assert.Equal(ParameterKind.Norm, uses["weight"].Kind);
        Assert.Equal(ParameterKind.Other, uses["gamma"].Kind);
    }

    [Fact]
    public void Position_embeddings_and_class_tokens_are_neither_bias_nor_weight()
    {
        var uses = Detect(
            Graph(("weight", [8, 8]), ("bias", [8]), ("pos", [1, 17, 8]), ("token", [1, 1, 8]))
                .With("MatMul", ["x", "weight"], "patches")
                .With("Add", ["patches", "pos"], "placed")
                .With("Concat", ["token", "placed"], "all")
                .With("MatMul", ["all", "weight"], "product")
                .With("Add", ["bias", "product"], "y"),
            "weight", "bias", "pos", "token");
        Assert.Equal(ParameterKind.Other, uses["pos"].Kind);
        Assert.Equal(ParameterKind.Other, uses["token"].Kind);
        Assert.Equal(ParameterKind.Bias, uses["bias"].Kind);
    }

    [Fact]
    public void A_packed_weight_is_found_behind_slices_and_casts()
    {
        var uses = Detect(
            Graph(("packed", [24, 8]), ("start", [1]), ("end", [1]))
                .With("Cast", ["packed"], "half")
                .With("Slice", ["half", "start", "end"], "query")
                .With("Transpose", ["query"], "turned")
                .With("MatMul", ["x", "turned"], "y"),
            "packed");
        Assert.Equal(ParameterKind.Linear, uses["packed"].Kind);
    }

    [Fact]
    public void The_offsets_of_a_deformable_convolution_are_recognized()
    {
        var uses = Detect(
            Graph(("conv_offset.weight", [27, 8, 3, 3]), ("conv_offset.bias", [27]), ("weight", [8, 8, 3, 3]))
                .With("Conv", ["x", "conv_offset.weight", "conv_offset.bias"], "packed")
                .With("Split", ["packed"], "offset", "mask")
                .With("Sigmoid", ["mask"], "gate")
                .With("DeformConv", ["x", "weight", "offset", "", "gate"], "y"),
            "conv_offset.weight", "conv_offset.bias", "weight");
        Assert.True(uses["conv_offset.weight"].IsDeformableOffset);
        Assert.True(uses["conv_offset.bias"].IsDeformableOffset);
        Assert.False(uses["weight"].IsDeformableOffset);
        Assert.Equal((ParameterKind.Convolution, 2), (uses["weight"].Kind, uses["weight"].SpatialRank));
    }

    [Fact]
    public void A_name_that_is_no_initializer_is_refused()
    {
        var error = Assert.Throws<ParameterGroupException>(() => Detect(Graph(("weight", [8])).With("Mul", ["x", "weight"], "y"), "wieght"));
        Assert.Contains("'wieght' is not an initializer", error.Message, StringComparison.Ordinal);
    }

    private static (ParameterKind Kind, ModuleKind Module, bool IsBias) Summary(ParameterUse use) => (use.Kind, use.Module, use.IsBias);

    private static IReadOnlyDictionary<string, ParameterUse> Detect(GraphProto graph, params string[] parameters) =>
        ParameterKinds.Detect(graph, parameters);

    // "two" and "half" hold the exponents, every other initializer ones.
    private static GraphProto Graph(params (string Name, long[] Shape)[] initializers)
    {
        var graph = new GraphProto { Name = "test" };
        graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, [4L, 8L]));
        foreach (var (name, shape) in initializers)
        {
            var values = new float[shape.Aggregate(1L, (product, length) => product * length)];
            Array.Fill(values, name switch { "two" => 2, "half" => -0.5f, _ => 1 });
            graph.Initializer.Add(TensorFactory.FromSingles(name, shape, values));
        }

        return graph;
    }
}
