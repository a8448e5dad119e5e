using OrtZero.Onnx;

namespace OrtZero.Kernels.Internal;

/// <summary>Checks of shapes. Kernels read memory without bounds checks, so nothing that does not fit may get past these.</summary>
internal static class Operands
{
    /// <summary>The product of lengths.</summary>
    internal static int Count(ReadOnlySpan<long> lengths)
    {
        var count = 1L;
        foreach (var length in lengths)
        {
            count *= length;
        }

        return checked((int)count);
    }

    /// <summary>How many pieces of at most <paramref name="size"/> make up <paramref name="length"/>.</summary>
    internal static int Chunks(int length, int size) => (int)(((long)length + size - 1) / size);

    /// <summary>How many rows of <paramref name="width"/> elements make a piece of about <paramref name="elements"/> elements; at least one.</summary>
    internal static int RowsPerChunk(int width, int elements) => Math.Max(1, elements / Math.Max(1, width));

    /// <summary>An operand must have as many elements as the others ask for.</summary>
    /// <exception cref="OnnxFormatException">It has not.</exception>
    internal static void Require(string operatorName, string operand, int actual, int expected)
    {
        if (actual != expected)
        {
            throw new OnnxFormatException(
                $"{operatorName}: {operand} has {actual} elements, but the other inputs ask for {expected}; check the shapes of what feeds it.");
        }
    }

    /// <summary>An axis counted from the front.</summary>
    /// <exception cref="OnnxFormatException">There is no such axis.</exception>
    internal static int Axis(string operatorName, long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw new OnnxFormatException(
            rank == 0
                ? $"{operatorName}: its input is a scalar, which has no axis {axis}."
                : $"{operatorName}: axis {axis} is outside the {rank} axes of its input; it goes from {-rank} to {rank - 1}.");
}
