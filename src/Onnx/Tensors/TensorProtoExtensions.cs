using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>Reads tensors, whatever field their data sits in.</summary>
public static class TensorProtoExtensions
{
    /// <summary>The element type.</summary>
    public static TensorElementType ElementType(this TensorProto tensor) => (TensorElementType)tensor.DataType;

    /// <summary>The lengths of the axes; empty for a scalar.</summary>
    public static long[] Shape(this TensorProto tensor) => [.. tensor.Dims];

    /// <summary>The number of elements: the product of the axes' lengths, 1 for a scalar.</summary>
    /// <exception cref="OnnxFormatException">An axis is negative or the product does not fit 64 bits.</exception>
    public static long ElementCount(this TensorProto tensor) => TensorData.ElementCount(tensor);

    /// <summary>The elements as float32, row-major: widened from narrower, rounded from wider floating-point types.</summary>
    /// <exception cref="OnnxFormatException">The type is not a floating-point type, or the data does not fit the shape.</exception>
    public static float[] ToSingles(this TensorProto tensor) => TensorConversion.ToSingles(tensor);

    /// <summary>The elements as int64, row-major, from any integer type or bool (false 0, true 1).</summary>
    /// <exception cref="OnnxFormatException">
    /// The type is neither an integer type nor bool, the data does not fit the shape, or an unsigned value exceeds int64.
    /// </exception>
    public static long[] ToInt64s(this TensorProto tensor) => TensorConversion.ToInt64s(tensor);

    /// <summary>
    /// The data as ONNX's raw_data would hold it: little-endian, row-major, types below 8 bits packed with the first element in
    /// the lowest bits. A copy.
    /// </summary>
    /// <exception cref="OnnxFormatException">The tensor holds strings, or its data does not fit its shape.</exception>
    public static byte[] RawBytes(this TensorProto tensor) => TensorData.RawBytes(tensor);

    /// <summary>The type and shape in words, for messages: <c>Float [2, 3]</c>.</summary>
    public static string Describe(this TensorProto tensor) => $"{tensor.ElementType()} [{string.Join(", ", tensor.Dims)}]";
}
