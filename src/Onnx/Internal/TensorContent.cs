using System.Runtime.InteropServices;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Questions about the values of a tensor that tell a parameter from a table, a mask or an accident.</summary>
internal static class TensorContent
{
    /// <summary>Whether all elements are equal, as in a fresh norm weight (1) or bias (0), where equal tensors mean nothing.</summary>
    public static bool IsUniform(TensorProto tensor)
    {
        var data = TensorData.RawMemory(tensor).Span;
        var size = tensor.ElementType().SizeInBits() / 8;
        return size == 0 || data.Length <= size || data[..^size].SequenceEqual(data[size..]);
    }

    /// <summary>Whether one matrix is exactly the other transposed.</summary>
    public static bool IsTransposeOf(TensorProto left, TensorProto right)
    {
        if (left.DataType != right.DataType || left.Dims.Count != 2 || right.Dims.Count != 2
            || left.Dims[0] != right.Dims[1] || left.Dims[1] != right.Dims[0])
        {
            return false;
        }

        var size = left.ElementType().SizeInBits() / 8;
        var (rows, columns) = ((int)left.Dims[0], (int)left.Dims[1]);
        var a = TensorData.RawMemory(left).Span;
        var b = TensorData.RawMemory(right).Span;
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                if (!a.Slice(((row * columns) + column) * size, size).SequenceEqual(b.Slice(((column * rows) + row) * size, size)))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>A matrix with rows and columns exchanged, under another name.</summary>
    public static TensorProto Transpose(TensorProto tensor, string name)
    {
        var size = tensor.ElementType().SizeInBits() / 8;
        var (rows, columns) = ((int)tensor.Dims[0], (int)tensor.Dims[1]);
        var source = TensorData.RawMemory(tensor).Span;
        var target = new byte[source.Length];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                source.Slice(((row * columns) + column) * size, size).CopyTo(target.AsSpan(((column * rows) + row) * size));
            }
        }

        return TensorFactory.Raw(name, tensor.ElementType(), [columns, rows], target);
    }

    /// <summary>
    /// Whether the tensor is a mask: zeros and very negative numbers to be added to scores, or ones on one side of a diagonal.
    /// </summary>
    public static bool IsMask(TensorProto tensor)
    {
        if (tensor.Dims.Count < 2)
        {
            return false;
        }

        var values = Singles(tensor);
        return IsAdditiveMask(values) || IsTriangularMask(values, (int)tensor.Dims[^2], (int)tensor.Dims[^1]);
    }

    /// <summary>
    /// Whether the last axis holds sines and cosines of the same angles, interleaved or in halves, as fixed position encodings
    /// do ("Attention Is All You Need", section 3.5).
    /// </summary>
    public static bool IsSinusoidTable(TensorProto tensor)
    {
        if (tensor.Dims.Count < 2 || tensor.Dims[^1] < 4 || tensor.Dims[^1] % 2 != 0 || tensor.ElementCount() == 0)
        {
            return false;
        }

        var values = Singles(tensor);
        var length = (int)tensor.Dims[^1];
        return !IsUniform(tensor) && (PairsOnCircle(values, length, 2, 1) || PairsOnCircle(values, length, 1, length / 2));
    }

    /// <summary>Whether two tables of one shape hold the cosines and sines of the same angles, as for rotary embeddings.</summary>
    public static bool AreSineAndCosine(TensorProto left, TensorProto right)
    {
        var a = Singles(left);
        var b = Singles(right);
        for (var i = 0; i < a.Length; i++)
        {
            if (!OnCircle(a[i], b[i]))
            {
                return false;
            }
        }

        return !IsUniform(left) && !IsUniform(right);
    }

    /// <summary>Whether every value could be a sine or cosine.</summary>
    public static bool IsWithinOne(TensorProto tensor)
    {
        foreach (var value in Singles(tensor))
        {
            if (!(MathF.Abs(value) <= 1.01f))
            {
                return false;
            }
        }

        return true;
    }

    // Most tensors are float32 in raw_data and fail a question at their first values: no copy is made to find that out.
    private static ReadOnlySpan<float> Singles(TensorProto tensor) =>
        tensor.ElementType() == TensorElementType.Float && BitConverter.IsLittleEndian
            ? MemoryMarshal.Cast<byte, float>(TensorData.RawMemory(tensor).Span)
            : tensor.ToSingles();

    private static bool PairsOnCircle(ReadOnlySpan<float> values, int length, int step, int distance)
    {
        for (var row = 0; row < values.Length; row += length)
        {
            for (var pair = 0; pair < length / 2; pair++)
            {
                var first = row + (pair * step);
                if (!OnCircle(values[first], values[first + distance]))
                {
                    return false;
                }
            }
        }

        return true;
    }

    // Wide enough for tables stored in bfloat16, far too narrow for a row of weights to pass throughout.
    private static bool OnCircle(float a, float b) => MathF.Abs((a * a) + (b * b) - 1) < 1e-2f;

    /// <summary>Zeros, and numbers that leave nothing of a share behind the exponential: any below -1e4, or one of -10 or less (Swin has -100).</summary>
    private static bool IsAdditiveMask(ReadOnlySpan<float> values)
    {
        float? blocked = null;
        foreach (var value in values)
        {
            if (value == 0)
            {
                continue;
            }

            if (!(value <= -1e4f) && (!(value <= -10) || (blocked is { } other && other != value)))
            {
                return false;
            }

            blocked ??= value;
        }

        return blocked is { } number && (number <= -1e4f || values.Contains(0f));
    }

    private static bool IsTriangularMask(ReadOnlySpan<float> values, int rows, int columns)
    {
        if (rows != columns || rows < 2 || values.Length == 0)
        {
            return false;
        }

        var (lower, upper) = (true, true);
        for (var i = 0; i < values.Length && (lower || upper); i++)
        {
            var (row, column) = (i / columns % rows, i % columns);
            lower &= values[i] == (column <= row ? 1 : 0);
            upper &= values[i] == (column >= row ? 1 : 0);
        }

        return lower || upper;
    }
}
