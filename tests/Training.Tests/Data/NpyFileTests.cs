using System.IO.Compression;
using System.Runtime.InteropServices;
using OrtZero.Onnx;

namespace OrtZero.Training.Tests;

public sealed class NpyFileTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_written_by_NumPy_is_read_to_the_last_element()
    {
        var path = RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy");
        var expected = NpyArray.Load(path);
        using var file = NpyFile.Open(path);

        Assert.Equal(expected.Shape.Select(length => (long)length), file.Shape);
        Assert.Equal(expected.Values, Doubles(file));
    }

    [Fact]
    public void Every_array_of_an_archive_written_by_NumPy_is_read()
    {
        var path = RepositoryPaths.Fixture("vlm", "golden", "grads_step1.npz");
        var expected = NpyArray.LoadArchive(path);
        using var archive = NpzArchive.Open(path);

        Assert.Equal(expected.Keys.Order(), archive.Names.Order());
        foreach (var (name, array) in expected)
        {
            using var file = archive.Array(name);
            Assert.Equal(array.Values, Doubles(file));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void All_versions_of_the_format_are_read(byte version)
    {
        var path = Write(NpyBytes.Raw("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", version, MemoryMarshal.AsBytes<int>([7, -8])));
        using var file = NpyFile.Open(path);
        var values = new int[2];
        file.Read(0, MemoryMarshal.AsBytes(values.AsSpan()));

        Assert.Equal([7, -8], values);
        Assert.Equal(TensorElementType.Int32, file.ElementType);
    }

    [Theory]
    [InlineData("<f4", TensorElementType.Float, 4)]
    [InlineData("<f8", TensorElementType.Double, 8)]
    [InlineData("<f2", TensorElementType.Float16, 2)]
    [InlineData("<i8", TensorElementType.Int64, 8)]
    [InlineData("<i2", TensorElementType.Int16, 2)]
    [InlineData("|i1", TensorElementType.Int8, 1)]
    [InlineData("<u8", TensorElementType.UInt64, 8)]
    [InlineData("<u4", TensorElementType.UInt32, 4)]
    [InlineData("<u2", TensorElementType.UInt16, 2)]
    [InlineData("|u1", TensorElementType.UInt8, 1)]
    [InlineData("|b1", TensorElementType.Bool, 1)]
    public void Types_have_their_ONNX_counterparts(string descr, TensorElementType type, int size)
    {
        using var file = NpyFile.Open(Write(NpyBytes.Of<byte>(descr, "(3, 2)", new byte[6 * size])));

        Assert.Equal(type, file.ElementType);
        Assert.Equal(6 * size, file.ByteLength);
        Assert.Equal([3, 2], file.Shape);
    }

    [Fact]
    public void A_scalar_has_no_axes()
    {
        using var file = NpyFile.Open(Write(NpyBytes.Of<float>("<f4", "()", 2.5f)));

        Assert.Empty(file.Shape);
        Assert.Equal(4, file.ByteLength);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "is stored in Fortran order; save numpy.ascontiguousarray(array) instead.")]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }", "is big-endian (>f4); save array.astype('<f4') instead.")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", "holds elements of type \"|O\"")]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }", "holds elements of type \"<c8\"")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2), }", "holds a structured array")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, }", "has a header that cannot be understood")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2), }", "has the shape (2, -2), which is not a list of lengths")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "is cut off: [2, 3] of Float needs 24 bytes, but 16 are there")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904), }", "is cut off")]
    public void What_cannot_be_read_is_named_with_the_fix(string header, string words)
    {
        var path = Write(NpyBytes.Raw(header, 1, new byte[16]));

        var message = Assert.Throws<DataException>(() => NpyFile.Open(path)).Message;

        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(words, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_off_anywhere_is_refused()
    {
        var whole = NpyBytes.Of<float>("<f4", "(2, 2)", 1, 2, 3, 4);
        for (var length = 0; length < whole.Length; length++)
        {
            var path = Write(whole[..length]);
            Assert.StartsWith(path, Assert.Throws<DataException>(() => NpyFile.Open(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused()
    {
        Assert.Contains("cannot be opened", Assert.Throws<DataException>(() => NpyFile.Open(Path.Combine(_folder, "no.npy"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_beyond_the_elements_is_refused()
    {
        using var file = NpyFile.Open(Write([.. NpyBytes.Of<float>("<f4", "(2,)", 1, 2), 9, 9, 9, 9]));

        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(4, new byte[8]));
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void An_archive_cut_off_anywhere_is_refused(CompressionLevel level)
    {
        var path = Path.Combine(_folder, "whole.npz");
        NpyBytes.Archive(path, level, ("x", NpyBytes.Of<float>("<f4", "(2, 2)", 1, 2, 3, 4)), ("y", NpyBytes.Of<byte>("|u1", "(3,)", 1, 2, 3)));
        using (var archive = NpzArchive.Open(path))
        {
            Assert.Equal(["x", "y"], archive.Names);
            Assert.Equal([1, 2, 3], Doubles(archive.Array("y")));
        }

        var whole = File.ReadAllBytes(path);
        for (var length = 0; length < whole.Length; length++)
        {
            var cut = Write(whole[..length]);
            Assert.Throws<DataException>(() => NpzArchive.Open(cut));
        }
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void A_changed_byte_never_gives_another_error_than_a_sentence_about_the_file(CompressionLevel level)
    {
        var path = Path.Combine(_folder, "whole.npz");
        NpyBytes.Archive(path, level, ("x", NpyBytes.Of<float>("<f4", "(2, 2)", 1, 2, 3, 4)));
        var whole = File.ReadAllBytes(path);
        for (var position = 0; position < whole.Length; position++)
        {
            foreach (var change in new byte[] { 0xFF, 0x80, 0x01 })
            {
                var damaged = (byte[])whole.Clone();
                damaged[position] ^= change;
                var copy = Write(damaged);
                var exception = Record.Exception(() =>
                {
                    using var archive = NpzArchive.Open(copy);
                    foreach (var name in archive.Names)
                    {
                        Doubles(archive.Array(name));
                    }
                });
                Assert.True(exception is null or DataException, $"byte {position}: {exception}");
            }
        }
    }

    [Fact]
    public void An_array_that_an_archive_lacks_is_answered_with_the_nearest()
    {
        var path = Path.Combine(_folder, "a.npz");
        NpyBytes.Archive(path, CompressionLevel.NoCompression, ("image", NpyBytes.Of<byte>("|u1", "(1,)", 1)), ("labels", NpyBytes.Of<byte>("|u1", "(1,)", 1)));
        using var archive = NpzArchive.Open(path);

        Assert.Equal($"{path} has no array \"label\"; did you mean \"labels\"?", Assert.Throws<DataException>(() => archive.Array("label")).Message);
        Assert.Equal($"{path} holds 2 arrays (image, labels); name one, for example \"a.npz:image\".", Assert.Throws<DataException>(() => archive.Array(null)).Message);
    }

    private static double[] Doubles(NpyFile file)
    {
        var bytes = new byte[file.ByteLength];
        file.Read(0, bytes);
        return file.ElementType switch
        {
            TensorElementType.Float => [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(value => (double)value)],
            TensorElementType.Int64 => [.. MemoryMarshal.Cast<byte, long>(bytes).ToArray().Select(value => (double)value)],
            TensorElementType.UInt8 => [.. bytes.Select(value => (double)value)],
            _ => throw new NotSupportedException($"{file.ElementType}"),
        };
    }

    private string Write(byte[] bytes)
    {
        var path = Path.Combine(_folder, "file.npy");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
