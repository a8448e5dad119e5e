using System.Runtime.CompilerServices;
using OrtZero.Onnx;

namespace OrtZero.Runtime.Internal;

/// <summary>Type and shape of a tensor during a kernel call, read without managed allocation.</summary>
internal readonly unsafe ref struct TensorReference
{
    /// <summary>The API version that can point at the shape instead of copying it.</summary>
    private const int PointsAtShape = 24;

    /// <summary>The longest shape that fits the scratch memory of older libraries.</summary>
    private const int MaximumRank = 32;

    /// <summary>Shapes copied from older libraries, one slot per input or output of the current call.</summary>
    [ThreadStatic]
    private static long[]?[]? _scratch;

    private TensorReference(TensorElementType type, ReadOnlySpan<long> shape)
    {
        Type = type;
        Shape = shape;
    }

    public TensorElementType Type { get; }

    public ReadOnlySpan<long> Shape { get; }

    public long Count
    {
        get
        {
            var count = 1L;
            foreach (var length in Shape)
            {
                count *= length;
            }

            return count;
        }
    }

    /// <summary>Reads a value; <paramref name="slot"/> tells the values of one call apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TensorReference Read(OrtApi api, nint value, int slot)
    {
        if (api.Version < PointsAtShape)
        {
            return Copy(api, value, slot);
        }

        int type;
        long* shape;
        nuint rank;
        api.Check(api.GetTypeAndShapeReference(value, &type, &shape, &rank));
        return new TensorReference(ElementLayout.FromNative(type), new ReadOnlySpan<long>(shape, (int)rank));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Data(OrtApi api, nint value)
    {
        nint data;
        api.Check(api.GetDataInKernel(value, &data));
        return (void*)data;
    }

    private static TensorReference Copy(OrtApi api, nint value, int slot)
    {
        nint info;
        api.Check(api.GetTensorTypeAndShape(value, &info));
        try
        {
            int type;
            api.Check(api.GetTensorElementType(info, &type));
            nuint rank;
            api.Check(api.GetDimensionsCount(info, &rank));
            var shape = Scratch(slot).AsSpan(0, (int)rank);
            fixed (long* dimensions = shape)
            {
                api.Check(api.GetDimensions(info, dimensions, rank));
            }

            return new TensorReference(ElementLayout.FromNative(type), shape);
        }
        finally
        {
            api.ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    private static long[] Scratch(int slot)
    {
        if (_scratch is null || slot >= _scratch.Length)
        {
            Array.Resize(ref _scratch, slot + 16);
        }

        return _scratch[slot] ??= new long[MaximumRank];
    }
}
