using OrtZero.Onnx;

namespace OrtZero.Runtime.Internal;

/// <summary>Reads what native values and type descriptions say.</summary>
internal static unsafe class ValueReader
{
    private const int TensorKind = 1;

    public static bool IsTensor(OrtApi api, nint value)
    {
        int kind;
        api.Check(api.GetValueType(value, &kind));
        return kind == TensorKind;
    }

    /// <summary>Whether a tensor lies where the process cannot read it. Memory pinned for a device counts as the CPU's.</summary>
    public static bool IsOnDevice(OrtApi api, nint value)
    {
        const int cpu = 0;
        nint memory;
        api.Check(api.GetTensorMemoryInfo(value, &memory));
        int device;
        api.MemoryInfoGetDeviceType(memory, &device);
        return device != cpu;
    }

    public static (TensorElementType Type, long[] Shape) TypeAndShape(OrtApi api, nint value)
    {
        nint info;
        api.Check(api.GetTensorTypeAndShape(value, &info));
        try
        {
            return Read(api, info);
        }
        finally
        {
            api.ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    /// <summary>Reads a tensor description; unknown lengths are -1. The description stays the caller's.</summary>
    public static (TensorElementType Type, long[] Shape) Read(OrtApi api, nint info)
    {
        int type;
        api.Check(api.GetTensorElementType(info, &type));
        nuint rank;
        api.Check(api.GetDimensionsCount(info, &rank));
        var shape = new long[rank];
        fixed (long* dimensions = shape)
        {
            api.Check(api.GetDimensions(info, dimensions, rank));
        }

        return (ElementLayout.FromNative(type), shape);
    }

    /// <summary>The inputs, outputs or overridable initializers of a session.</summary>
    public static ValueDescription[] Describe(OrtApi api, nint session, OrtFunction getCount, OrtFunction getName, OrtFunction getType)
    {
        nuint count;
        api.Check(((delegate* unmanaged<nint, nuint*, nint>)api[getCount])(session, &count));
        var values = new ValueDescription[count];
        for (nuint i = 0; i < count; i++)
        {
            byte* text;
            api.Check(((delegate* unmanaged<nint, nuint, nint, byte**, nint>)api[getName])(session, i, api.Allocator, &text));
            var name = api.TakeText(text);
            nint type;
            api.Check(((delegate* unmanaged<nint, nuint, nint*, nint>)api[getType])(session, i, &type));
            try
            {
                nint tensor;
                api.Check(api.CastTypeInfoToTensorInfo(type, &tensor));
                var (elementType, shape) = tensor == 0 ? (TensorElementType.Undefined, []) : Read(api, tensor);
                values[i] = new ValueDescription(name, elementType, shape);
            }
            finally
            {
                api.ReleaseTypeInfo(type);
            }
        }

        return values;
    }
}
