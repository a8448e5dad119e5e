using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>A parameter's bytes where the engine has them, asked for when they are written to a file, so that no model is ever copied for that.</summary>
internal sealed class LentBytes : MemoryManager<byte>
{
    private readonly ParameterValue _value;
    private readonly string _name;
    private readonly int _length;

    private LentBytes(ParameterValue value, string name, int length)
    {
        _value = value;
        _name = name;
        _length = length;
    }

    public override Memory<byte> Memory => CreateMemory(_length);

    /// <summary>A parameter as an initializer of a model; valid as long as the parameters are lent.</summary>
    public static TensorProto Tensor(string name, long[] shape, ParameterValue value)
    {
        var length = checked((int)(shape.Aggregate(1L, (count, axis) => count * axis) * sizeof(float)));
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)TensorElementType.Float,
            RawData = UnsafeByteOperations.UnsafeWrap(new LentBytes(value, name, length).Memory),
        };
        tensor.Dims.AddRange(shape);
        return tensor;
    }

    public override Span<byte> GetSpan()
    {
        var bytes = MemoryMarshal.AsBytes(_value(_name));
        return MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(bytes), bytes.Length);
    }

    public override MemoryHandle Pin(int elementIndex = 0) => new Memory<byte>(GetSpan().ToArray())[elementIndex..].Pin();

    public override void Unpin()
    {
        // The handle of Pin unpins its copy itself.
    }

    protected override void Dispose(bool disposing)
    {
    }
}
