using System.Buffers.Binary;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Sharding.Internal;

/// <summary>Reads the exponents and constants that patterns are told apart by, whatever field they sit in.</summary>
internal static class ScalarReader
{
    public static double? Read(TensorProto tensor)
    {
        var count = tensor.Dims.Aggregate(1L, (product, length) => product * length);
        if (count != 1)
        {
            return null;
        }

        var raw = tensor.RawData.Span;
        return tensor.DataType switch
        {
            1 => tensor.FloatData.Count > 0 ? tensor.FloatData[0] : raw.Length >= 4 ? BinaryPrimitives.ReadSingleLittleEndian(raw) : null,
            11 => tensor.DoubleData.Count > 0 ? tensor.DoubleData[0] : raw.Length >= 8 ? BinaryPrimitives.ReadDoubleLittleEndian(raw) : null,
            7 => tensor.Int64Data.Count > 0 ? tensor.Int64Data[0] : raw.Length >= 8 ? BinaryPrimitives.ReadInt64LittleEndian(raw) : null,
            6 => tensor.Int32Data.Count > 0 ? tensor.Int32Data[0] : raw.Length >= 4 ? BinaryPrimitives.ReadInt32LittleEndian(raw) : null,
            10 => tensor.Int32Data.Count > 0
                ? (double)BitConverter.UInt16BitsToHalf((ushort)tensor.Int32Data[0])
                : raw.Length >= 2 ? (double)BinaryPrimitives.ReadHalfLittleEndian(raw) : null,
            _ => null,
        };
    }
}
