using OrtZero.Onnx.Protobuf;

namespace OrtZero.Runtime.Internal;

/// <summary>How large a model is, without the overflow of protobuf's own 32-bit count.</summary>
internal static class ModelSize
{
    /// <summary>The bytes of all initializers, which are nearly all of a large model.</summary>
    public static long Estimate(GraphProto graph)
    {
        var total = 0L;
        foreach (var tensor in graph.Initializer)
        {
            total += tensor.RawData.Length + (4L * tensor.FloatData.Count) + (8L * tensor.DoubleData.Count)
                + (8L * tensor.Int64Data.Count) + (4L * tensor.Int32Data.Count) + (8L * tensor.Uint64Data.Count);
        }

        return total;
    }
}
