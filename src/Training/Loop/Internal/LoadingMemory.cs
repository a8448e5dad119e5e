using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Internal;

/// <summary>Keeps what it took to read and probe a model from adding to the memory that training takes.</summary>
internal static class LoadingMemory
{
    /// <summary>The least bytes of parameters for which giving memory back is worth the pause.</summary>
    private const long Worthwhile = 64L << 20;

    /// <summary>
    /// Gives back to the system what was needed on the way: the file, the messages made of it for the probing session. By itself the runtime
    /// would keep that memory for later, beside the parameters, gradients and optimizer state that are about to be allocated natively.
    /// </summary>
    internal static void Release(long parameterBytes)
    {
        if (parameterBytes >= Worthwhile)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    /// <summary>The elements of a float tensor, where they lie if they lie there as such.</summary>
    internal static ReadOnlySpan<float> Singles(TensorProto tensor) =>
        BitConverter.IsLittleEndian && tensor.ElementType() == TensorElementType.Float && tensor.HasRawData
            ? MemoryMarshal.Cast<byte, float>(tensor.RawData.Span)
            : tensor.ToSingles();
}
