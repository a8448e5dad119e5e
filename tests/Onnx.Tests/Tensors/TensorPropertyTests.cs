using FsCheck;
using FsCheck.Fluent;

namespace OrtZero.Onnx.Tests.Tensors;

public sealed class TensorPropertyTests
{
    [Fact]
    public void Any_singles_come_back_bit_for_bit() =>
        Prop.ForAll<float[]>(values =>
        {
            var read = RoundTrip(TensorFactory.FromSingles("t", [values.Length], values)).ToSingles();
            return read.Select(BitConverter.SingleToInt32Bits).SequenceEqual(values.Select(BitConverter.SingleToInt32Bits));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_integers_come_back() =>
        Prop.ForAll<long[]>(values => RoundTrip(TensorFactory.Vector("t", values)).ToInt64s().SequenceEqual(values))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Random_bytes_are_read_or_refused_with_one_exception_type() =>
        Prop.ForAll<byte[]>(bytes =>
        {
            try
            {
                return OnnxModel.Parse(bytes).Graph is not null;
            }
            catch (OnnxFormatException exception)
            {
                return exception.Message.Length > 0;
            }
        }).QuickCheckThrowOnFailure();

    private static Protobuf.TensorProto RoundTrip(Protobuf.TensorProto tensor) =>
        OnnxModel.Parse(ModelBuilder.Create().With(tensor).ToBytes()).Graph.Initializer[0];
}
