using Google.Protobuf;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests;

public sealed class MalformedModelTests
{
    [Fact]
    public void Missing_file_is_named() =>
        Assert.Contains("nowhere.onnx", Assert.Throws<FileNotFoundException>(() => OnnxModel.Load("nowhere.onnx")).Message, StringComparison.Ordinal);

    [Fact]
    public void Truncated_file_is_named()
    {
        using var folder = new TemporaryFolder();
        var bytes = File.ReadAllBytes(RepositoryPaths.Fixture("zoo", "activations", "model.onnx"));
        var path = folder.File("cut.onnx");
        foreach (var length in new[] { 0, 1, 7, bytes.Length / 2, bytes.Length - 1 })
        {
            File.WriteAllBytes(path, bytes[..length]);
            var message = Assert.Throws<OnnxFormatException>(() => OnnxModel.Load(path)).Message;
            Assert.StartsWith(path, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Any_damaged_byte_is_read_or_refused_but_never_crashes()
    {
        var bytes = File.ReadAllBytes(RepositoryPaths.Fixture("zoo", "activations", "model.onnx"));
        var random = new Random(3);
        for (var round = 0; round < 300; round++)
        {
            var damaged = bytes.ToArray();
            for (var i = 0; i < 5; i++)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            try
            {
                ModelImporter.Import(OnnxModel.Parse(damaged));
            }
            catch (OnnxFormatException exception)
            {
                Assert.NotEmpty(exception.Message);
            }
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(14)]
    [InlineData(-1)]
    public void Unknown_ir_version_is_refused(long version)
    {
        var proto = ModelBuilder.Create().Proto;
        proto.IrVersion = version;
        AssertRefused(proto, $"IR version {version}", "3 to 13");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(13)]
    public void Known_ir_versions_are_read(long version)
    {
        var proto = ModelBuilder.Create().Proto;
        proto.IrVersion = version;
        Assert.Equal(version, OnnxModel.Parse(proto.ToByteArray()).Proto.IrVersion);
    }

    [Fact]
    public void Message_without_graph_or_operator_set_is_refused()
    {
        AssertRefused(new ModelProto { IrVersion = 8 }, "no graph");
        AssertRefused(new ModelProto { IrVersion = 8, Graph = new GraphProto() }, "operator set");
    }

    [Fact]
    public void Data_that_does_not_fit_the_shape_names_the_tensor()
    {
        AssertRefused(Tensor(tensor => tensor.RawData = ByteString.CopyFrom(new byte[7])), "'w'", "Float [2]", "needs 8 bytes", "has 7");
        AssertRefused(Tensor(tensor => tensor.FloatData.Add(1)), "'w'", "needs 2 values", "has 1");
        AssertRefused(Tensor(_ => { }), "'w'", "has 0");
    }

    [Fact]
    public void Impossible_shapes_and_types_name_the_tensor()
    {
        AssertRefused(Tensor(tensor => tensor.Dims[0] = -2), "'w'", "[-2]", "negative");
        AssertRefused(Tensor(tensor => tensor.Dims.Add([long.MaxValue, long.MaxValue])), "'w'", "more elements");
        AssertRefused(Tensor(tensor => tensor.Dims[0] = long.MaxValue), "'w'");
        AssertRefused(Tensor(tensor => tensor.DataType = 99), "'w'", "99");
        AssertRefused(Tensor(tensor => tensor.DataType = 0), "'w'", "type 0");
        AssertRefused(Tensor(tensor => tensor.Segment = new TensorProto.Types.Segment()), "'w'", "segments");
    }

    [Fact]
    public void Damage_inside_constants_and_subgraphs_is_found()
    {
        var damaged = new TensorProto { Name = "deep", DataType = (int)TensorElementType.Float, Dims = { 2 } };
        var body = new GraphProto { Node = { NodeFactory.Constant("c", damaged) } };
        var node = NodeFactory.Create("If", ["condition"], ["y"]);
        node.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = body });
        AssertRefused(ModelBuilder.Create(node).Proto, "'deep'");
    }

    [Fact]
    public void Nameless_and_duplicate_initializers_are_refused()
    {
        AssertRefused(ModelBuilder.Create().With(TensorFactory.Scalar("", 1f)).Proto, "no name");
        AssertRefused(ModelBuilder.Create().With(TensorFactory.Scalar("a", 1f), TensorFactory.Scalar("a", 2f)).Proto, "'a'");
    }

    private static ModelProto Tensor(Action<TensorProto> edit)
    {
        var tensor = new TensorProto { Name = "w", DataType = (int)TensorElementType.Float, Dims = { 2 } };
        edit(tensor);
        return ModelBuilder.Create().With(tensor).Proto;
    }

    private static void AssertRefused(ModelProto proto, params string[] parts)
    {
        var message = Assert.Throws<OnnxFormatException>(() => OnnxModel.Parse(proto.ToByteArray())).Message;
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
