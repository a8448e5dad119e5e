using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests;

public sealed class ExternalDataTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Large_tensors_move_out_aligned_and_come_back()
    {
        var big = ModelBuilder.Random("big", 1, 300);
        var bigger = ModelBuilder.Random("bigger", 2, 40, 50);
        var small = ModelBuilder.Random("small", 3, 4);
        var model = ModelBuilder.Create(NodeFactory.Constant("c", ModelBuilder.Random("inside", 4, 500))).With(big, bigger, small);
        var expected = model.ToBytes();

        model.Save(_folder.File("m.onnx"), new ExternalDataOptions());

        var stored = ModelProto.Parser.ParseFrom(File.ReadAllBytes(_folder.File("m.onnx"))).Graph;
        Assert.Equal(["0", "4096"], stored.Initializer.Take(2).Select(tensor => Entry(tensor, "offset")));
        Assert.Equal("m.onnx.data", Entry(stored.Initializer[0], "location"));
        Assert.Equal(TensorProto.Types.DataLocation.External, stored.Node[0].Attribute[0].T.DataLocation);
        Assert.True(stored.Initializer[2].HasRawData);
        Assert.Equal(expected, OnnxModel.Load(_folder.File("m.onnx")).ToBytes());
        Assert.Equal(expected, model.ToBytes());
        Assert.Equal(["m.onnx", "m.onnx.data"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Typed_fields_move_out_too()
    {
        var tensor = new TensorProto { Name = "t", DataType = (int)TensorElementType.Int16, Dims = { 3 }, Int32Data = { 1, -2, 3 } };
        ModelBuilder.Create().With(tensor).Save(_folder.File("m.onnx"), new ExternalDataOptions { Threshold = 1, FileName = "weights.bin" });
        Assert.Equal([1L, -2, 3], OnnxModel.Load(_folder.File("m.onnx")).Graph.Initializer[0].ToInt64s());
        Assert.Equal(6, new FileInfo(_folder.File("weights.bin")).Length);
    }

    [Fact]
    public void Data_file_in_a_subfolder_of_the_model_is_read()
    {
        Directory.CreateDirectory(_folder.File("data"));
        File.WriteAllBytes(_folder.File("data/w"), [0, 0, 1, 2, 3, 4]);
        Assert.Equal([1, 2, 3, 4], OnnxModel.Load(Write("data/w", "2", null)).Graph.Initializer[0].RawBytes());
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("/etc/hostname")]
    [InlineData("a/../../secret")]
    [InlineData("..\\secret")]
    [InlineData(".")]
    public void Location_outside_the_folder_is_refused(string location) =>
        AssertRefused(Write(location, "0", "4"), "'w'", "outside the model's folder");

    [Fact]
    public void Missing_data_file_is_named() => AssertRefused(Write("gone.bin", "0", "4"), "'gone.bin'", "'w'", "missing");

    [Fact]
    public void Truncated_data_file_is_named()
    {
        File.WriteAllBytes(_folder.File("short.bin"), [1, 2, 3]);
        AssertRefused(Write("short.bin", "0", "4"), "'short.bin'", "3 bytes", "truncated");
        AssertRefused(Write("short.bin", "9223372036854775807", "4"), "'short.bin'", "truncated");
    }

    [Theory]
    [InlineData("-4", "4", "offset '-4'")]
    [InlineData("0", "many", "length 'many'")]
    [InlineData("0", "3", "needs 4 bytes")]
    public void Nonsense_entries_are_refused(string offset, string length, string expected)
    {
        File.WriteAllBytes(_folder.File("w.bin"), [1, 2, 3, 4]);
        AssertRefused(Write("w.bin", offset, length), expected);
    }

    [Fact]
    public void Absurd_shape_is_refused_before_anything_is_allocated()
    {
        File.WriteAllBytes(_folder.File("w.bin"), [1, 2, 3, 4]);
        AssertRefused(Write("w.bin", "0", null, 1L << 40), "'w'");
        AssertRefused(Write("w.bin", "0", null, long.MaxValue), "'w'");
    }

    [Fact]
    public void Model_in_memory_cannot_refer_to_files()
    {
        var bytes = File.ReadAllBytes(Write("w.bin", "0", "4"));
        Assert.Contains("'w'", Assert.Throws<OnnxFormatException>(() => OnnxModel.Parse(bytes)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../out.data", 4096)]
    [InlineData("m.onnx", 4096)]
    [InlineData("m.data", 100)]
    [InlineData("m.data", 0)]
    public void Impossible_options_leave_no_files(string fileName, int alignment)
    {
        var model = ModelBuilder.Create().With(ModelBuilder.Random("w", 1, 1000));
        Assert.Throws<OnnxFormatException>(
            () => model.Save(_folder.File("m.onnx"), new ExternalDataOptions { FileName = fileName, Alignment = alignment }));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Failed_save_keeps_the_old_file_and_leaves_no_temporary_one()
    {
        Directory.CreateDirectory(_folder.File("m.onnx"));
        Assert.ThrowsAny<Exception>(() => ModelBuilder.Create().Save(_folder.File("m.onnx")));
        Assert.Empty(Directory.GetFiles(_folder.Path));
        Assert.True(Directory.Exists(_folder.File("m.onnx")));
    }

    [Fact]
    public void Missing_folder_is_named() =>
        Assert.Contains(_folder.File("none"), Assert.Throws<DirectoryNotFoundException>(
            () => ModelBuilder.Create().Save(_folder.File("none/m.onnx"))).Message, StringComparison.Ordinal);

    private string Write(string location, string? offset, string? length, long elements = 4)
    {
        var tensor = new TensorProto
        {
            Name = "w", DataType = (int)TensorElementType.UInt8, Dims = { elements }, DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        if (offset is not null)
        {
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset });
        }

        if (length is not null)
        {
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = length });
        }

        var path = _folder.File("model.onnx");
        ModelBuilder.Create().With(tensor).Save(path);
        return path;
    }

    private static void AssertRefused(string path, params string[] parts)
    {
        var message = Assert.Throws<OnnxFormatException>(() => OnnxModel.Load(path)).Message;
        Assert.All(parts.Append(path), part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    private static string? Entry(TensorProto tensor, string key) => tensor.ExternalData.FirstOrDefault(entry => entry.Key == key)?.Value;
}
