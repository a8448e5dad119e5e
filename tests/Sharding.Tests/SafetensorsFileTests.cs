using System.Buffers.Binary;
using System.Text;
using OrtZero.Onnx;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_written_is_read_back_with_names_shapes_types_and_metadata()
    {
        var path = _folder.File("all.safetensors");
        SafetensorsFile.Write(
            path,
            [
                new SafetensorsTensor("bytes \"quoted\" ü", TensorElementType.UInt8, [3], new byte[] { 1, 2, 3 }),
                new SafetensorsTensor("weight", TensorElementType.Float, [2, 1], Floats(1.5f, -2f)),
                new SafetensorsTensor("scalar", TensorElementType.Int64, [], BitConverter.GetBytes(-7L)),
                new SafetensorsTensor("empty", TensorElementType.Float, [0, 4], Array.Empty<byte>()),
                new SafetensorsTensor("half", TensorElementType.BFloat16, [1], new byte[] { 0x80, 0x3f }),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["step"] = "20" });

        using var file = SafetensorsFile.Read(path);

        Assert.Equal("20", file.Metadata["step"]);
        Assert.Equal([1.5f, -2f], file.ReadSingles("weight"));
        Assert.Equal([2L, 1L], file["weight"].Shape);
        Assert.Equal(BitConverter.GetBytes(-7L), file.ReadBytes("scalar"));
        Assert.Empty(file["scalar"].Shape);
        Assert.Equal([1, 2, 3], file.ReadBytes("bytes \"quoted\" ü"));
        Assert.Empty(file.ReadSingles("empty"));
        Assert.Equal(TensorElementType.BFloat16, file["half"].Type);
        Assert.All(file.Entries, entry => Assert.Equal(0, entry.FileOffset % Math.Max(1, entry.Type.SizeInBits() / 8)));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        var path = _folder.File("one.safetensors");
        SafetensorsFile.Write(path, [new SafetensorsTensor("w", TensorElementType.Float, [2], Floats(1, 2))]);

        var bytes = File.ReadAllBytes(path);

        const string Header = """{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  """;
        Assert.Equal((ulong)Header.Length, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        Assert.Equal(0, Header.Length % 8);
        Assert.Equal(Header, Encoding.UTF8.GetString(bytes, 8, Header.Length));
        Assert.Equal(Floats(1, 2), bytes[(8 + Header.Length)..]);
    }

    [Theory]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}""", 8, "not valid")]
    [InlineData("""{"w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", 8, "element type 'F33'")]
    [InlineData("""{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "does not fit its data_offsets [0, 8]")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "leave a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "something was appended")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "cut off")]
    [InlineData("""{"w":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"w":{"shape":[2],"data_offsets":[0,8]}}""", 8, "not valid")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}}""", 8, "not valid")]
    [InlineData("""{"__metadata__":{"step":20}}""", 0, "not valid")]
    [InlineData("""[1, 2]""", 0, "not valid")]
    [InlineData("""{"w":""", 0, "not valid")]
    public void Damaged_headers_are_named(string header, int dataLength, string expected)
    {
        var path = _folder.File("damaged.safetensors");
        var bytes = new byte[8 + header.Length + dataLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        Encoding.UTF8.GetBytes(header, bytes.AsSpan(8));
        File.WriteAllBytes(path, bytes);

        var message = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Read(path)).Message;

        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains(path, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_length_that_cannot_be_is_refused_before_memory_is_taken()
    {
        var path = _folder.File("length.safetensors");
        File.WriteAllBytes(path, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7b]);
        Assert.Contains("announces a header", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Read(path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, [1, 2, 3]);
        Assert.Contains("too short", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mistakes_in_what_is_written_leave_no_file()
    {
        var path = _folder.File("wrong.safetensors");
        var fine = new SafetensorsTensor("w", TensorElementType.Float, [1], Floats(1));
        Assert.Contains("used twice", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Write(path, [fine, fine])).Message, StringComparison.Ordinal);
        Assert.Contains("takes 8 bytes but 4", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Write(path, [fine with { Shape = [2] }])).Message, StringComparison.Ordinal);
        Assert.Contains("no element type String", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Write(path, [fine with { Type = TensorElementType.String }])).Message, StringComparison.Ordinal);
        Assert.Contains("reserved", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Write(path, [fine with { Name = "__metadata__" }])).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_tensor_that_is_not_there_or_of_another_type_is_named()
    {
        var path = _folder.File("one.safetensors");
        SafetensorsFile.Write(path, [new SafetensorsTensor("w", TensorElementType.Int32, [2], Floats(1, 2))]);
        using var file = SafetensorsFile.Read(path);
        Assert.Contains("no tensor 'v'", Assert.Throws<SafetensorsException>(() => file.ReadBytes("v")).Message, StringComparison.Ordinal);
        Assert.Contains("is Int32", Assert.Throws<SafetensorsException>(() => file.ReadSingles("w")).Message, StringComparison.Ordinal);
    }

    private static byte[] Floats(params float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
