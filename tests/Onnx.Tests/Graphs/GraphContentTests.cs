using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Graphs;

public sealed class GraphContentTests
{
    [Fact]
    public void Attributes_are_written_fluently_and_read_back()
    {
        var node = ModelBuilder.Node("Op", ["x"], "y")
            .SetInt("i", 3).SetFloat("f", 0.5f).SetString("s", "zwölf").SetInts("is", 1, -1).SetFloats("fs", 2, 3)
            .SetTensor("t", TensorFactory.Scalar("", 4f));
        Assert.Equal(3, node.GetInt("i", 0));
        Assert.Equal(0.5f, node.GetFloat("f", 0));
        Assert.Equal("zwölf", node.GetString("s", ""));
        Assert.Equal([1L, -1], node.GetInts("is")!);
        Assert.Equal([2f, 3], node.GetFloats("fs")!);
        Assert.Equal([4f], node.GetTensor("t")!.ToSingles());
        Assert.Equal(9, node.SetInt("i", 9).GetInt("i", 0));
        Assert.Equal(6, node.Attribute.Count);
    }

    [Fact]
    public void Absent_attributes_have_defaults()
    {
        var node = ModelBuilder.Node("Op", ["x"], "y");
        Assert.Equal((7, 1.5f, "d"), (node.GetInt("i", 7), node.GetFloat("f", 1.5f), node.GetString("s", "d")));
        Assert.Null(node.GetInts("is"));
        Assert.Null(node.GetTensor("t"));
        Assert.Equal("", node.InputOrEmpty(4));
    }

    [Fact]
    public void Attribute_of_another_type_names_node_and_attribute()
    {
        var node = ModelBuilder.Node("Op", ["x"], "y", "/n").SetString("axis", "one");
        var message = Assert.Throws<OnnxFormatException>(() => node.GetInt("axis", 0)).Message;
        Assert.Contains("'axis'", message, StringComparison.Ordinal);
        Assert.Contains("'/n'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Declared_shapes_mix_lengths_symbols_and_unknowns()
    {
        var info = ValueInfos.Create("x", TensorElementType.Float16, "batch", 3, Dimension.Unknown);
        var read = ValueInfoProto.Parser.ParseFrom(Google.Protobuf.MessageExtensions.ToByteArray(info));
        Assert.Equal(TensorElementType.Float16, read.ElementType());
        Assert.Equal(["batch", "3", "?"], read.Dimensions()!.Select(dimension => dimension.ToString()));
        Assert.Equal([-1L, 3, -1], read.Shape()!);
        Assert.Equal([2L, -1], ValueInfos.Create("y", TensorElementType.Float, [2L, -1L]).Shape()!);
        Assert.Null(new ValueInfoProto { Name = "z" }.Shape());
    }

    [Fact]
    public void Scalar_has_a_shape_without_axes() => Assert.Empty(ValueInfos.Create("s", TensorElementType.Float).Shape()!);

    [Fact]
    public void Table_knows_initializers_constants_and_static_declarations()
    {
        var model = ModelBuilder.Create(
                NodeFactory.Constant("axes", TensorFactory.Vector("", 1, 2)),
                NodeFactory.Create("Constant", [], ["one"]).SetInt("value_int", 1),
                NodeFactory.Create("Constant", [], ["numbers"]).SetFloats("value_floats", 1, 2, 3))
            .WithInput("x", 2, 3).WithInput("symbolic", "batch").With(TensorFactory.Scalar("w", 5f));

        var table = ValueTable.FromGraph(model.Graph);

        Assert.Equal([1L, 2], table.Constant("axes")!.ToInt64s());
        Assert.Equal([1L], table.Constant("one")!.ToInt64s());
        Assert.Equal([1f, 2, 3], table.Constant("numbers")!.ToSingles());
        Assert.Equal([5f], table.Constant("w")!.ToSingles());
        Assert.Null(table.Constant("x"));
        Assert.Equal(new ValueDescription("x", TensorElementType.Float, [2, 3]), table["x"]);
        Assert.Equal([2L], table["axes"].Shape);
        Assert.False(table.TryGet("symbolic", out _));
        Assert.Contains("'nothing'", Assert.Throws<OnnxFormatException>(() => table["nothing"]).Message, StringComparison.Ordinal);
        table.RemoveConstant("w");
        Assert.Null(table.Constant("w"));
        Assert.Empty(table["w"].Shape);
    }

    [Fact]
    public void Opset_versions_are_read_and_set()
    {
        var model = ModelBuilder.Create();
        Assert.Equal((17, 17, 0), (model.GetOpsetVersion(), model.GetOpsetVersion("ai.onnx"), model.GetOpsetVersion("ortzero")));
        model.SetOpsetVersion("ortzero", 1);
        model.SetOpsetVersion("ai.onnx", 18);
        Assert.Equal((18, 1), (model.GetOpsetVersion(), model.GetOpsetVersion("ortzero")));
        Assert.Equal(2, model.Proto.OpsetImport.Count);
    }

    [Fact]
    public void Clone_is_independent()
    {
        var model = ModelBuilder.Create(ModelBuilder.Node("Neg", ["x"], "y")).With(ModelBuilder.Random("w", 1, 4));
        var clone = model.Clone();
        clone.Graph.Node[0].Input[0] = "z";
        clone.Graph.Initializer.Clear();
        Assert.Equal("x", model.Graph.Node[0].Input[0]);
        Assert.Single(model.Graph.Initializer);
    }

    [Fact]
    public void Unknown_fields_survive_load_and_save()
    {
        using var folder = new TemporaryFolder();

        // Field 1000 of ModelProto, varint 5: nothing any version of the format defines.
        byte[] unknown = [0xC0, 0x3E, 0x05];
        File.WriteAllBytes(folder.File("m.onnx"), [.. ModelBuilder.Create().ToBytes(), .. unknown]);
        OnnxModel.Load(folder.File("m.onnx")).Save(folder.File("n.onnx"));
        Assert.Equal(File.ReadAllBytes(folder.File("m.onnx")), File.ReadAllBytes(folder.File("n.onnx")));
    }
}
