using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Import;

public sealed class UntyingTests
{
    [Fact]
    public void Initializer_used_itself_and_behind_identities_becomes_separate_parameters()
    {
        var model = Model(
                ModelBuilder.Node("Identity", ["n1.weight"], "n2.weight"),
                ModelBuilder.Node("Identity", ["n2.weight"], "n3.weight"),
                ModelBuilder.Node("Mul", ["x", "n1.weight"], "a"),
                ModelBuilder.Node("Mul", ["a", "n2.weight"], "b"),
                ModelBuilder.Node("Mul", ["b", "n3.weight"], "y"))
            .With(ModelBuilder.Filled("n1.weight", 1, 4));

        var report = ModelImporter.Import(model);

        Assert.Equal(["n1.weight", "n2.weight", "n3.weight"], model.Graph.Initializer.Names().Order());
        Assert.All(report.Parameters, parameter => Assert.Equal("n1.weight", parameter.OriginalName));
        Assert.All(report.Parameters, parameter => Assert.True(parameter.Trainable));
        Assert.Equal(["Mul", "Mul", "Mul"], model.Graph.Node.Select(node => node.OpType));
        Assert.All(model.Graph.Initializer, tensor => Assert.Equal([1f, 1, 1, 1], tensor.ToSingles()));
        Assert.Equal(2, report.Messages.Count(message => message.Contains("trained on its own now", StringComparison.Ordinal)));
    }

    [Fact]
    public void Initializer_used_only_behind_identities_is_replaced()
    {
        var model = Model(
                ModelBuilder.Node("Identity", ["shared"], "a.weight"),
                ModelBuilder.Node("Identity", ["shared"], "b.weight"),
                ModelBuilder.Node("Mul", ["x", "a.weight"], "h"),
                ModelBuilder.Node("Mul", ["h", "b.weight"], "y"))
            .With(ModelBuilder.Filled("shared", 1, 4));
        var report = ModelImporter.Import(model);
        Assert.Equal(["a.weight", "b.weight"], model.Graph.Initializer.Names());
        ModelImporter.RestoreNames(model, report);
        Assert.Equal(["a.weight", "b.weight"], model.Graph.Initializer.Names());
    }

    [Fact]
    public void Single_identity_is_a_rename_that_export_undoes()
    {
        var model = Model(ModelBuilder.Node("Identity", ["stored"], "a.weight"), ModelBuilder.Node("Mul", ["x", "a.weight"], "y"))
            .With(ModelBuilder.Filled("stored", 1, 4));
        var report = ModelImporter.Import(model);
        Assert.Equal("a.weight", Assert.Single(report.Parameters).Name);
        ModelImporter.RestoreNames(model, report);
        Assert.Equal(["stored"], model.Graph.Initializer.Names());
        Assert.Equal("stored", model.Graph.Node[0].Input[1]);
    }

    [Fact]
    public void Cloned_layers_of_equal_random_values_are_untied()
    {
        var model = Model(
                ModelBuilder.Node("Identity", ["onnx::MatMul_1"], "onnx::MatMul_2"),
                ModelBuilder.Node("MatMul", ["x", "onnx::MatMul_1"], "h", "/layers.0/MatMul"),
                ModelBuilder.Node("MatMul", ["h", "onnx::MatMul_2"], "y", "/layers.1/MatMul"))
            .With(ModelBuilder.Random("onnx::MatMul_1", 1, 4, 4));
        Assert.Equal(["layers.0.weight", "layers.1.weight"], ModelImporter.Import(model).Parameters.Select(parameter => parameter.Name));
    }

    [Fact]
    public void Weight_used_by_two_consumers_stays_tied()
    {
        var model = Model(
                ModelBuilder.Node("Gather", ["wte.weight", "ids"], "h"),
                ModelBuilder.Node("Transpose", ["wte.weight"], "t").SetInts("perm", 1, 0),
                ModelBuilder.Node("MatMul", ["h", "t"], "y", "/lm_head/MatMul"))
            .WithInput("ids").With(ModelBuilder.Random("wte.weight", 1, 8, 4));
        Assert.Equal(new ImportedParameter("wte.weight", "wte.weight", false, true), Assert.Single(ModelImporter.Import(model).Parameters));
    }

    [Fact]
    public void Output_layer_behind_an_identity_of_the_embedding_table_stays_tied()
    {
        var model = Model(
                ModelBuilder.Node("Identity", ["wte.weight"], "lm_head.weight"),
                ModelBuilder.Node("Gather", ["wte.weight", "ids"], "h"),
                ModelBuilder.Node("Transpose", ["lm_head.weight"], "t").SetInts("perm", 1, 0),
                ModelBuilder.Node("MatMul", ["h", "t"], "y", "/lm_head/MatMul"))
            .WithInput("ids").With(ModelBuilder.Random("wte.weight", 1, 8, 4));
        var report = ModelImporter.Import(model);
        Assert.Equal("wte.weight", Assert.Single(report.Parameters).Name);
        Assert.Contains(report.Messages, message => message.Contains("stay tied", StringComparison.Ordinal));
        Assert.Equal(["Gather", "Transpose", "MatMul"], model.Graph.Node.Select(node => node.OpType));
    }

    [Fact]
    public void Folded_output_layer_is_tied_to_its_table_again_and_written_out_on_export()
    {
        var table = ModelBuilder.Random("wte.weight", 1, 3, 2);
        var values = table.ToSingles();
        var folded = TensorFactory.FromSingles("onnx::MatMul_9", [2, 3], [values[0], values[2], values[4], values[1], values[3], values[5]]);
        var model = Model(
                ModelBuilder.Node("Gather", ["wte.weight", "ids"], "h"),
                ModelBuilder.Node("MatMul", ["h", "onnx::MatMul_9"], "y", "/lm_head/MatMul"))
            .WithInput("ids").With(table, folded);

        var report = ModelImporter.Import(model);

        Assert.Equal("wte.weight", Assert.Single(report.Parameters).Name);
        Assert.Equal("lm_head.weight", model.Graph.Node.Single(node => node.OpType == "Transpose").Output[0]);
        Assert.NotEmpty(new GraphIndex(model.Graph).TopologicalOrder());

        model.Graph.SetInitializer(TensorFactory.FromSingles("wte.weight", [3, 2], [1, 2, 3, 4, 5, 6]));
        ModelImporter.RestoreNames(model, report);
        Assert.Equal(["wte.weight", "onnx::MatMul_9"], model.Graph.Initializer.Names());
        Assert.Equal([1f, 3, 5, 2, 4, 6], model.Graph.Initializer[1].ToSingles());
        Assert.Equal(["Gather", "MatMul"], model.Graph.Node.Select(node => node.OpType));
        Assert.Equal("onnx::MatMul_9", model.Graph.Node[1].Input[1]);
    }

    [Theory]
    [InlineData("/MatMul", 0, true)]
    [InlineData("/MatMul", 1, false)]
    public void A_product_with_the_folded_table_outside_of_any_layer_is_tied_again(string node, int changed, bool isTied)
    {
        // As torch.onnx.export writes torch.nn.functional.linear(h, embedding.weight).
        var table = ModelBuilder.Random("wte.weight", 1, 3, 2);
        var values = table.ToSingles();
        float[] transposed = [values[0], values[2], values[4], values[1], values[3], values[5] + changed];
        var model = Model(
                ModelBuilder.Node("Gather", ["wte.weight", "ids"], "h"), ModelBuilder.Node("MatMul", ["h", "onnx::MatMul_9"], "y", node))
            .WithInput("ids").With(table, TensorFactory.FromSingles("onnx::MatMul_9", [2, 3], transposed));
        var report = ModelImporter.Import(model);
        Assert.Equal(isTied ? 1 : 2, report.Parameters.Count);
        Assert.Equal(isTied, report.Messages.Any(message => message.Contains("the two stay tied as 'wte.weight'", StringComparison.Ordinal)));
        ModelImporter.RestoreNames(model, report);
        Assert.Equal(["wte.weight", "onnx::MatMul_9"], model.Graph.Initializer.Names());
        Assert.Equal(transposed, model.Graph.Initializer[1].ToSingles());
    }

    [Fact]
    public void Identity_that_names_a_graph_output_stays()
    {
        var model = Model(ModelBuilder.Node("Identity", ["w"], "y")).With(ModelBuilder.Random("w", 1, 4));
        ModelImporter.Import(model);
        Assert.Equal("Identity", Assert.Single(model.Graph.Node).OpType);
        Assert.Equal(["w"], model.Graph.Initializer.Names());
    }

    [Fact]
    public void Identity_used_inside_a_subgraph_is_untied_there()
    {
        var body = new GraphProto { Name = "then" };
        body.Output.Add(ValueInfos.Create("b.weight", TensorElementType.Float, [Dimension.Unknown]));
        var branch = ModelBuilder.Node("If", ["c"], "y");
        branch.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = body });
        var model = Model(ModelBuilder.Node("Identity", ["a.weight"], "b.weight"), ModelBuilder.Node("Neg", ["a.weight"], "z"), branch)
            .WithInput("c").With(ModelBuilder.Filled("a.weight", 1, 4));
        ModelImporter.Import(model);
        Assert.Equal(["a.weight", "b.weight"], model.Graph.Initializer.Names());
        Assert.Equal("b.weight", body.Output[0].Name);
    }

    private static OnnxModel Model(params NodeProto[] nodes) => ModelBuilder.Create(nodes).WithInput("x", "batch", 4).WithOutput("y", "batch", 4);
}
