using System.IO.Compression;
using System.Runtime.InteropServices;
using OrtZero.Onnx;

namespace OrtZero.Training.Tests;

public sealed class BatchFillerTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Samples_are_copied_in_the_order_asked_for()
    {
        using var dataset = Open(("x", NpyBytes.Of<float>("<f4", "(3, 2)", 1, 2, 3, 4, 5, 6)));
        var filler = new BatchFiller(dataset, 2, [new ValueDescription("x", TensorElementType.Float, [-1, 2])]);

        Assert.Equal([2, 2], filler.Inputs[0].Shape);
        Assert.Equal(16, filler.Inputs[0].ByteLength);
        Assert.Equal([5, 6, 1, 2], Fill<float>(filler, 2, 0));
    }

    [Fact]
    public void Members_of_archives_are_fields_like_any_other()
    {
        var path = Path.Combine(_folder, "all.npz");
        NpyBytes.Archive(path, CompressionLevel.NoCompression, ("image", NpyBytes.Of<byte>("|u1", "(2, 2)", 0, 1, 254, 255)), ("labels", NpyBytes.Of<long>("<i8", "(2,)", 4, 5)));
        using var dataset = Dataset.Open(
            new DatasetSection { Fields = new Dictionary<string, DataFieldSource> { ["image"] = new(path, "image"), ["y"] = new(path, "labels") } }, "data.train");
        var filler = new BatchFiller(dataset, 2, [Input("image", TensorElementType.Float, -1, -1), Input("y", TensorElementType.Int64, 2)], new LabelRule("y", 6, -100));

        Assert.Equal([254, 255, 0, 1], Fill<float>(filler, 1, 0));
        var labels = new long[2];
        filler.Fill(1, [0, 1], MemoryMarshal.AsBytes(labels.AsSpan()));
        Assert.Equal([4, 5], labels);
    }

    [Fact]
    public void Integers_go_into_wider_and_floating_point_types_unscaled()
    {
        Assert.Equal([-7L, 9L], Converted<int, long>("<i4", TensorElementType.Int64, -7, 9));
        Assert.Equal([0f, 255f], Converted<byte, float>("|u1", TensorElementType.Float, 0, 255));
        Assert.Equal([-32768f, 5f], Converted<short, float>("<i2", TensorElementType.Float, -32768, 5));
        Assert.Equal([int.MinValue, 3d], Converted<int, double>("<i4", TensorElementType.Double, int.MinValue, 3));
        Assert.Equal([1, 0], Converted<byte, int>("|b1", TensorElementType.Int32, 1, 0));
        Assert.Equal([int.MaxValue, int.MinValue], Converted<long, int>("<i8", TensorElementType.Int32, int.MaxValue, int.MinValue));
        Assert.Equal([long.MaxValue, 0], Converted<ulong, long>("<u8", TensorElementType.Int64, long.MaxValue, 0));
    }

    [Fact]
    public void Floating_point_widens_and_float64_rounds_to_float32()
    {
        Assert.Equal([0.1f, 1e-50f], Converted<double, float>("<f8", TensorElementType.Float, 0.1, 1e-50));
        Assert.Equal([0.5f, -2f], Converted<Half, float>("<f2", TensorElementType.Float, (Half)0.5, (Half)(-2)));
        Assert.Equal([0.25, 3d], Converted<float, double>("<f4", TensorElementType.Double, 0.25f, 3));
        Assert.Equal([(Half)1, (Half)2], Converted<Half, Half>("<f2", TensorElementType.Float16, (Half)1, (Half)2));
    }

    [Theory]
    [InlineData("<i4", TensorElementType.Float)]
    [InlineData("<i8", TensorElementType.Double)]
    [InlineData("<f4", TensorElementType.Int64)]
    [InlineData("<f4", TensorElementType.Float16)]
    [InlineData("|u1", TensorElementType.Bool)]
    [InlineData("<f4", TensorElementType.BFloat16)]
    public void Types_that_lose_values_are_refused(string descr, TensorElementType type)
    {
        using var dataset = Open(("x", NpyBytes.Of<byte>(descr, "(1, 1)", new byte[8])));

        var message = Assert.Throws<DataException>(() => new BatchFiller(dataset, 1, [Input("x", type, 1, 1)])).Message;

        Assert.Contains($"which does not go into the model input \"x\" of type {type} without loss", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Integers_that_do_not_fit_are_named()
    {
        using var dataset = Open(("x", NpyBytes.Of<long>("<i8", "(2, 2)", 1, 2, 3, 1L << 31)));
        var filler = new BatchFiller(dataset, 1, [Input("x", TensorElementType.Int32, 1, 2)]);

        Assert.Equal([1, 2], Fill<int>(filler, 0));
        Assert.Equal(
            $"{_folder}/x.npy: element [1, 1] (sample 1 of data.train.fields.x) is 2147483648, which does not fit into Int32; correct the data.",
            Assert.Throws<DataException>(() => Fill<int>(filler, 1)).Message);
    }

    [Fact]
    public void Signs_are_not_lost()
    {
        using var dataset = Open(("x", NpyBytes.Of<long>("<i8", "(1,)", -1)), ("y", NpyBytes.Of<ulong>("<u8", "(1,)", ulong.MaxValue)));
        var filler = new BatchFiller(dataset, 1, [Input("x", TensorElementType.UInt64, 1), Input("y", TensorElementType.Int64, 1)]);

        Assert.Contains("is -1, which does not fit into UInt64", Assert.Throws<DataException>(() => filler.Fill(0, [0], new byte[8])).Message, StringComparison.Ordinal);
        Assert.Contains("is 18446744073709551615, which does not fit into Int64", Assert.Throws<DataException>(() => filler.Fill(1, [0], new byte[8])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.NaN, "is NaN, which training cannot use")]
    [InlineData(double.PositiveInfinity, "is Infinity, which training cannot use")]
    [InlineData(1e39, "is 1E+39, which does not fit into Float")]
    public void Values_that_are_not_finite_are_named(double value, string words)
    {
        using var dataset = Open(("x", NpyBytes.Of<double>("<f8", "(2, 1, 3)", 1, 2, 3, 4, value, 6)));
        var filler = new BatchFiller(dataset, 2, [Input("x", TensorElementType.Float, -1, 1, 3)]);

        var message = Assert.Throws<DataException>(() => Fill<float>(filler, 0, 1)).Message;

        Assert.Equal($"{_folder}/x.npy: element [1, 0, 1] (sample 1 of data.train.fields.x) {words}; correct the data.", message);
    }

    [Fact]
    public void Values_that_need_no_conversion_are_checked_too()
    {
        using var dataset = Open(("x", NpyBytes.Of<float>("<f4", "(2, 1)", 1, float.NegativeInfinity)));
        var filler = new BatchFiller(dataset, 1, [Input("x", TensorElementType.Float, 1, 1)]);

        Assert.Contains("element [1, 0] (sample 1 of data.train.fields.x) is -Infinity", Assert.Throws<DataException>(() => Fill<float>(filler, 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(-1)]
    public void A_label_that_is_no_class_is_named(long label)
    {
        using var dataset = Open(("y", NpyBytes.Of<int>("<i4", "(2, 2)", 0, -100, 2, (int)label)));
        var filler = new BatchFiller(dataset, 1, [Input("y", TensorElementType.Int64, -1, 2)], new LabelRule("y", 3, -100));

        Assert.Equal([0, -100], Fill<long>(filler, 0));
        Assert.Equal(
            $"{_folder}/y.npy: element [1, 1] (sample 1 of data.train.fields.y) is the label {label}, but the model has 3 classes (0 to 2) and model.loss.ignore_index is -100; correct the label or set ignore_index to {label}.",
            Assert.Throws<DataException>(() => Fill<long>(filler, 1)).Message);
    }

    [Fact]
    public void A_shape_that_does_not_fit_names_field_file_and_both_shapes()
    {
        using var dataset = Open(("image", NpyBytes.Of<byte>("|u1", "(2, 3, 3)", new byte[18])));

        Assert.Equal(
            $"data.train.fields.image: {_folder}/image.npy has the shape [2, 3, 3], which makes a micro-batch of [8, 3, 3], but the model input \"image\" is [?, 1, 3, 3]; reshape the array or export the model for it.",
            Assert.Throws<DataException>(() => new BatchFiller(dataset, 8, [Input("image", TensorElementType.Float, -1, 1, 3, 3)])).Message);
        Assert.Throws<DataException>(() => new BatchFiller(dataset, 8, [Input("image", TensorElementType.Float, 4, 3, 3)]));
    }

    [Fact]
    public void Inputs_without_a_field_and_fields_without_an_input_are_refused()
    {
        using var dataset = Open(("imag", NpyBytes.Of<float>("<f4", "(1,)", 1)), ("y", NpyBytes.Of<float>("<f4", "(1,)", 1)));

        Assert.Equal(
            "The model input \"image\" has no data; add \"image\" to data.train.fields, or rename the field \"imag\" to it.",
            Assert.Throws<DataException>(() => new BatchFiller(dataset, 1, [Input("image", TensorElementType.Float, 1), Input("y", TensorElementType.Float, 1)])).Message);
        Assert.Equal(
            "data.train.fields.imag feeds nothing, since the model has no input of that name; remove it or rename it to one of \"y\".",
            Assert.Throws<DataException>(() => new BatchFiller(dataset, 1, [Input("y", TensorElementType.Float, 1)])).Message);
    }

    [Fact]
    public void Fields_of_different_lengths_are_refused()
    {
        var message = Assert.Throws<DataException>(() => Open(("x", NpyBytes.Of<float>("<f4", "(2,)", 1, 2)), ("y", NpyBytes.Of<float>("<f4", "(3,)", 1, 2, 3)))).Message;

        Assert.Equal($"data.train: the field \"x\" ({_folder}/x.npy) has 2 samples, but \"y\" ({_folder}/y.npy) has 3; every field must have the same number.", message);
    }

    [Theory]
    [InlineData("()")]
    [InlineData("(0, 4)")]
    public void An_array_without_samples_is_refused(string shape)
    {
        Assert.Contains("its first axis must count samples", Assert.Throws<DataException>(() => Open(("x", NpyBytes.Of<float>("<f4", shape, 1)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Filling_allocates_nothing()
    {
        using var dataset = Open(("x", NpyBytes.Of<byte>("|u1", "(4, 100)", new byte[400])), ("y", NpyBytes.Of<long>("<i8", "(4, 5)", new long[20])));
        var filler = new BatchFiller(dataset, 4, [Input("x", TensorElementType.Float, -1, 100), Input("y", TensorElementType.Int64, -1, 5)], new LabelRule("y", 3, -100));
        var (x, y) = (new byte[filler.Inputs[0].ByteLength], new byte[filler.Inputs[1].ByteLength]);
        int[] samples = [3, 1, 2, 0];
        filler.Fill(0, samples, x);
        filler.Fill(1, samples, y);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 100; round++)
        {
            filler.Fill(0, samples, x);
            filler.Fill(1, samples, y);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private TTo[] Converted<TFrom, TTo>(string descr, TensorElementType type, params TFrom[] values)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        using var dataset = Open(("x", NpyBytes.Of<TFrom>(descr, $"(1, {values.Length})", values)));
        return Fill<TTo>(new BatchFiller(dataset, 1, [Input("x", type, 1, values.Length)]), 0);
    }

    private static ValueDescription Input(string name, TensorElementType type, params long[] shape) => new(name, type, shape);

    private static T[] Fill<T>(BatchFiller filler, params int[] samples)
        where T : unmanaged
    {
        var bytes = new byte[filler.Inputs[0].ByteLength];
        filler.Fill(0, samples, bytes);
        return MemoryMarshal.Cast<byte, T>(bytes).ToArray();
    }

    private Dataset Open(params (string Name, byte[] Content)[] fields)
    {
        var sources = new OrderedDictionary<string, DataFieldSource>();
        foreach (var (name, content) in fields)
        {
            var path = $"{_folder}/{name}.npy";
            File.WriteAllBytes(path, content);
            sources.Add(name, new DataFieldSource(path, null));
        }

        return Dataset.Open(new DatasetSection { Fields = sources }, "data.train");
    }
}
