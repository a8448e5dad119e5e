using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Tensors for tests.</summary>
internal static class Tensors
{
    public static TensorProto Of(TensorElementType type, long[] shape, double[] values, string name = "") => type switch
    {
        TensorElementType.Double => TensorFactory.Raw(name, type, shape, MemoryMarshal.AsBytes<double>(values)),
        TensorElementType.Float => TensorFactory.FromSingles(name, shape, Array.ConvertAll(values, value => (float)value)),
        TensorElementType.Int64 => TensorFactory.FromInt64s(name, shape, Array.ConvertAll(values, value => (long)value)),
        TensorElementType.Int32 => TensorFactory.Raw(name, type, shape, MemoryMarshal.AsBytes<int>(Array.ConvertAll(values, value => (int)value))),
        TensorElementType.UInt8 => TensorFactory.Raw(name, type, shape, Array.ConvertAll(values, value => (byte)value)),
        TensorElementType.Bool => TensorFactory.Raw(name, type, shape, Array.ConvertAll(values, value => value == 0 ? (byte)0 : (byte)1)),
        _ => throw new NotSupportedException($"The test does not write {type}."),
    };

    public static long Count(long[] shape) => shape.Aggregate(1L, (product, length) => product * length);

    /// <summary>
    /// Distinct numbers evenly spread over a range in shuffled order. None is near another or near 0, so that no finite difference steps
    /// over a kink or a tie.
    /// </summary>
    public static double[] Spread(long count, double low, double high, int seed)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            var value = low + ((i + 0.5 + (0.1 * Math.Sin(seed + i))) / count * (high - low));
            values[i] = Math.Abs(value) < 0.1 ? value + (0.1 * (value < 0 ? -1 : 1)) : value;
        }

        new Random(seed).Shuffle(values);
        return values;
    }
}
