using Google.Protobuf;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Tensors;

public sealed class TensorReadingTests
{
    public static TheoryData<TensorElementType> FixedSizeTypes =>
        [.. Enum.GetValues<TensorElementType>().Where(type => type is not (TensorElementType.Undefined or TensorElementType.String))];

    [Theory]
    [MemberData(nameof(FixedSizeTypes))]
    public void Raw_bytes_of_every_type_survive_a_round_trip(TensorElementType type)
    {
        var bytes = new byte[type.SizeInBytes(7)];
        new Random(1).NextBytes(bytes);
        var model = ModelBuilder.Create().With(TensorFactory.Raw("t", type, [7], bytes));

        var read = OnnxModel.Parse(model.ToBytes()).Graph.Initializer[0];

        Assert.Equal(type, read.ElementType());
        Assert.Equal([7L], read.Shape());
        Assert.Equal(bytes, read.RawBytes());
    }

    [Theory]
    [InlineData(TensorElementType.Float)]
    [InlineData(TensorElementType.Complex64)]
    public void Float_data_reads_as_the_same_bytes_as_raw_data(TensorElementType type)
    {
        float[] values = [1.5f, -2, float.NaN, 1e-40f];
        var tensor = new TensorProto { Name = "t", DataType = (int)type, FloatData = { values } };
        tensor.Dims.Add(type == TensorElementType.Complex64 ? 2 : 4);
        Assert.Equal(values.SelectMany(BitConverter.GetBytes), tensor.RawBytes());
    }

    [Theory]
    [InlineData(TensorElementType.Double)]
    [InlineData(TensorElementType.Complex128)]
    public void Double_data_reads_as_the_same_bytes_as_raw_data(TensorElementType type)
    {
        double[] values = [1.5, -2, 1e300, double.Epsilon];
        var tensor = new TensorProto { Name = "t", DataType = (int)type, DoubleData = { values } };
        tensor.Dims.Add(type == TensorElementType.Complex128 ? 2 : 4);
        Assert.Equal(values.SelectMany(BitConverter.GetBytes), tensor.RawBytes());
    }

    [Theory]
    [InlineData(TensorElementType.Int32, -7, 2_000_000_000)]
    [InlineData(TensorElementType.Int16, -7, 32_000)]
    [InlineData(TensorElementType.UInt16, 7, 65_000)]
    [InlineData(TensorElementType.Int8, -128, 127)]
    [InlineData(TensorElementType.UInt8, 0, 255)]
    [InlineData(TensorElementType.Bool, 0, 1)]
    public void Int32_data_holds_all_narrow_integers(TensorElementType type, int first, int second)
    {
        var tensor = new TensorProto { Name = "t", DataType = (int)type, Dims = { 2 }, Int32Data = { first, second } };
        Assert.Equal([first, second], tensor.ToInt64s());
        Assert.Equal(type.SizeInBytes(2), tensor.RawBytes().Length);
    }

    [Fact]
    public void Unsigned_data_reads_from_its_own_field()
    {
        var narrow = new TensorProto { Name = "t", DataType = (int)TensorElementType.UInt32, Dims = { 1 }, Uint64Data = { uint.MaxValue } };
        var wide = new TensorProto { Name = "t", DataType = (int)TensorElementType.UInt64, Dims = { 1 }, Uint64Data = { ulong.MaxValue } };
        Assert.Equal([uint.MaxValue], narrow.ToInt64s());
        Assert.Equal(BitConverter.GetBytes(ulong.MaxValue), wide.RawBytes());
        Assert.Contains("too large", Assert.Throws<OnnxFormatException>(() => wide.ToInt64s()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TensorElementType.Int4, new byte[] { 0x8F, 0x07 }, new long[] { -1, -8, 7 })]
    [InlineData(TensorElementType.UInt4, new byte[] { 0x8F, 0x07 }, new long[] { 15, 8, 7 })]
    [InlineData(TensorElementType.Int2, new byte[] { 0b00_10_01_11 }, new long[] { -1, 1, -2 })]
    [InlineData(TensorElementType.UInt2, new byte[] { 0b00_10_01_11 }, new long[] { 3, 1, 2 })]
    public void Packed_integers_unpack_lowest_bits_first(TensorElementType type, byte[] bytes, long[] expected)
    {
        Assert.Equal(expected, TensorFactory.Raw("t", type, [3], bytes).ToInt64s());
        var typed = new TensorProto { Name = "t", DataType = (int)type, Dims = { 3 } };
        typed.Int32Data.AddRange(bytes.Select(value => (int)value));
        Assert.Equal(expected, typed.ToInt64s());
        Assert.Equal(bytes, typed.RawBytes());
    }

    // Extremes from the tables of the OCP 8-bit and microscaling specifications and arXiv:2206.02915.
    [Theory]
    [InlineData(TensorElementType.Float8E4M3FN, 0x7E, 448f)]
    [InlineData(TensorElementType.Float8E4M3FN, 0x01, 0.001953125f)]
    [InlineData(TensorElementType.Float8E4M3FN, 0xB8, -1f)]
    [InlineData(TensorElementType.Float8E4M3FN, 0x7F, float.NaN)]
    [InlineData(TensorElementType.Float8E4M3FNUZ, 0x7F, 240f)]
    [InlineData(TensorElementType.Float8E4M3FNUZ, 0x01, 0.0009765625f)]
    [InlineData(TensorElementType.Float8E4M3FNUZ, 0x80, float.NaN)]
    [InlineData(TensorElementType.Float8E5M2, 0x7B, 57344f)]
    [InlineData(TensorElementType.Float8E5M2, 0x01, 1.52587890625e-5f)]
    [InlineData(TensorElementType.Float8E5M2, 0xFC, float.NegativeInfinity)]
    [InlineData(TensorElementType.Float8E5M2, 0x7D, float.NaN)]
    [InlineData(TensorElementType.Float8E5M2FNUZ, 0x7F, 57344f)]
    [InlineData(TensorElementType.Float8E5M2FNUZ, 0x01, 7.62939453125e-6f)]
    [InlineData(TensorElementType.Float8E5M2FNUZ, 0x80, float.NaN)]
    [InlineData(TensorElementType.Float8E8M0, 0x7F, 1f)]
    [InlineData(TensorElementType.Float8E8M0, 0x82, 8f)]
    [InlineData(TensorElementType.Float8E8M0, 0xFF, float.NaN)]
    [InlineData(TensorElementType.Float4E2M1, 0x07, 6f)]
    [InlineData(TensorElementType.Float4E2M1, 0x09, -0.5f)]
    [InlineData(TensorElementType.Float4E2M1, 0x02, 1f)]
    public void Small_floats_decode_as_their_specifications_say(TensorElementType type, byte bits, float expected) =>
        Assert.Equal(expected, TensorFactory.Raw("t", type, [1], [bits]).ToSingles()[0]);

    [Fact]
    public void Half_bfloat16_and_double_become_singles()
    {
        byte[] half = [.. BitConverter.GetBytes((Half)1.5f), .. BitConverter.GetBytes((Half)(-65504f))];
        Assert.Equal([1.5f, -65504f], TensorFactory.Raw("h", TensorElementType.Float16, [2], half).ToSingles());
        Assert.Equal([-2f], TensorFactory.Raw("b", TensorElementType.BFloat16, [1], [0x00, 0xC0]).ToSingles());
        Assert.Equal([0.1f], TensorFactory.Raw("d", TensorElementType.Double, [1], BitConverter.GetBytes(0.1)).ToSingles());
        var typed = new TensorProto { Name = "t", DataType = (int)TensorElementType.Float16, Dims = { 1 }, Int32Data = { 0x3E00 } };
        Assert.Equal([1.5f], typed.ToSingles());
    }

    [Fact]
    public void Strings_have_no_raw_bytes()
    {
        var tensor = new TensorProto { Name = "words", DataType = (int)TensorElementType.String, Dims = { 1 }, StringData = { ByteString.CopyFromUtf8("seven") } };
        Assert.Contains("'words'", Assert.Throws<OnnxFormatException>(() => tensor.RawBytes()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_the_wrong_kind_names_tensor_and_type()
    {
        var message = Assert.Throws<OnnxFormatException>(() => TensorFactory.Vector("axes", 1, 2).ToSingles()).Message;
        Assert.Contains("'axes'", message, StringComparison.Ordinal);
        Assert.Contains("Int64 [2]", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Scalars_have_one_element_and_empty_tensors_none()
    {
        Assert.Equal(1, TensorFactory.Scalar("s", 2f).ElementCount());
        Assert.Equal([3L], TensorFactory.Scalar("s", 3L).ToInt64s());
        Assert.Empty(TensorFactory.FromSingles("e", [4, 0, long.MaxValue], []).ToSingles());
    }

    [Fact]
    public void A_factory_refuses_values_that_do_not_fill_the_shape() =>
        Assert.Contains("needs 24 bytes of raw data but has 20", Assert.Throws<OnnxFormatException>(
            () => TensorFactory.FromSingles("w", [2, 3], new float[5])).Message, StringComparison.Ordinal);
}
