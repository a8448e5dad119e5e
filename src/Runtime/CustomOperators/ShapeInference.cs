using OrtZero.Onnx;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>The shapes around one node while a session opens; unknown lengths are -1.</summary>
public readonly unsafe ref struct ShapeInference
{
    private readonly OrtApi _api;
    private readonly nint _context;

    internal ShapeInference(OrtApi api, nint context)
    {
        _api = api;
        _context = context;
    }

    /// <summary>The number of inputs of the node.</summary>
    public int InputCount
    {
        get
        {
            nuint count;
            _api.Check(_api.ShapeInferContextGetInputCount(_context, &count));
            return (int)count;
        }
    }

    /// <summary>The type and shape of an input; -1 stands for lengths that are not known.</summary>
    public (TensorElementType Type, long[] Shape) Input(int index)
    {
        nint info;
        _api.Check(_api.ShapeInferContextGetInputTypeShape(_context, (nuint)index, &info));
        return ValueReader.Read(_api, info);
    }

    /// <summary>Says what an output will be. Every length must be known; leave the output alone otherwise.</summary>
    public void Output(int index, TensorElementType type, params ReadOnlySpan<long> shape)
    {
        _ = ElementLayout.Count(shape);
        nint info;
        _api.Check(_api.CreateTensorTypeAndShapeInfo(&info));
        try
        {
            _api.Check(_api.SetTensorElementType(info, ElementLayout.ToNative(type)));
            fixed (long* dimensions = shape)
            {
                _api.Check(_api.SetDimensions(info, dimensions, (nuint)shape.Length));
            }

            _api.Check(_api.ShapeInferContextSetOutputTypeShape(_context, (nuint)index, info));
        }
        finally
        {
            _api.ReleaseTensorTypeAndShapeInfo(info);
        }
    }
}
