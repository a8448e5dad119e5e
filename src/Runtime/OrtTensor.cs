using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// A tensor in CPU memory: over an <see cref="AlignedBuffer"/> without a copy, with memory of its own, or the result of a
/// run. Hold it for as long as a span of it is in use. A result that was left on a device (<see cref="IsOnDevice"/>) can be bound
/// to further runs but not read.
/// </summary>
public sealed unsafe class OrtTensor : IDisposable
{
    private readonly long[] _shape;
    private readonly SafeHandle _memory;
    private readonly HandleHold? _hold;
    private readonly nint _address;
    private readonly Lock _lock = new();
    private OrtHandle? _value;
    private bool _disposed;

    private OrtTensor(SafeHandle memory, nint address, TensorElementType type, long[] shape, OrtHandle? value, bool isOnDevice = false)
    {
        IsOnDevice = isOnDevice;
        _memory = memory;
        _address = address;
        ElementType = type;
        _shape = shape;
        _value = value;
        ElementCount = ElementLayout.Count(shape);
        ByteLength = type == TensorElementType.String ? 0 : ElementLayout.ByteLength(type, ElementCount);

        // A value made by ONNX Runtime is the tensor's own; the memory under a wrapped one may have other users.
        _hold = value is null ? new HandleHold(memory) : null;
    }

    /// <summary>The type of the elements.</summary>
    public TensorElementType ElementType { get; }

    /// <summary>The lengths of the axes; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => _shape;

    /// <summary>The number of elements.</summary>
    public long ElementCount { get; }

    /// <summary>The bytes the elements take.</summary>
    public long ByteLength { get; }

    /// <summary>Whether the elements are in the memory of an execution provider's device, where the process cannot read them.</summary>
    public bool IsOnDevice { get; }

    /// <summary>The address of the first element.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    /// <exception cref="InvalidOperationException">The tensor is on a device.</exception>
    public nint Address
    {
        get
        {
            ThrowIfUnreadable();
            return _address;
        }
    }

    internal ReadOnlySpan<long> Dimensions => _shape;

    /// <summary>A tensor over <paramref name="buffer"/> from byte <paramref name="byteOffset"/> on; nothing is copied.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not fit into the buffer at that offset.</exception>
    /// <exception cref="ArgumentException">An axis is negative, or the elements are texts.</exception>
    public static OrtTensor Wrap(AlignedBuffer buffer, long byteOffset, TensorElementType type, ReadOnlySpan<long> shape)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var length = ByteLengthOf(type, shape);
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        if (byteOffset > buffer.ByteLength - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(byteOffset),
                $"A {type} tensor of shape [{ElementLayout.Format(shape)}] takes {length} bytes and does not fit at byte {byteOffset} " +
                $"of a buffer of {buffer.ByteLength} bytes.");
        }

        return new OrtTensor(buffer.Memory, buffer.Address + (nint)byteOffset, type, shape.ToArray(), null);
    }

    /// <summary>A zeroed tensor with memory of its own.</summary>
    public static OrtTensor Zeros(TensorElementType type, params ReadOnlySpan<long> shape)
    {
        // The tensor's own use of the memory outlives the buffer object, which is only needed to make it.
        using var buffer = new AlignedBuffer(ByteLengthOf(type, shape));
        return Wrap(buffer, 0, type, shape);
    }

    /// <summary>A float32 tensor with a copy of <paramref name="values"/>; a scalar without a shape.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the shape.</exception>
    public static OrtTensor FromSingles(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        FromBytes(TensorElementType.Float, MemoryMarshal.AsBytes(values), shape);

    /// <summary>An int64 tensor with a copy of <paramref name="values"/>; a scalar without a shape.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the shape.</exception>
    public static OrtTensor FromInt64s(ReadOnlySpan<long> values, params ReadOnlySpan<long> shape) =>
        FromBytes(TensorElementType.Int64, MemoryMarshal.AsBytes(values), shape);

    /// <summary>A tensor with a copy of elements given as little-endian bytes.</summary>
    /// <exception cref="ArgumentException">The number of bytes is not that of the shape.</exception>
    public static OrtTensor FromBytes(TensorElementType type, ReadOnlySpan<byte> bytes, params ReadOnlySpan<long> shape)
    {
        var length = ByteLengthOf(type, shape);
        if (length != bytes.Length)
        {
            throw new ArgumentException(
                $"A {type} tensor of shape [{ElementLayout.Format(shape)}] takes {length} bytes, but {bytes.Length} were given.", nameof(bytes));
        }

        var tensor = Zeros(type, shape);
        bytes.CopyTo(new Span<byte>((void*)tensor._address, bytes.Length));
        return tensor;
    }

    /// <summary>A copy of a tensor of a model.</summary>
    public static OrtTensor FromProto(TensorProto tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return FromBytes(tensor.ElementType(), tensor.RawBytes(), tensor.Shape());
    }

    /// <summary>The elements; as bytes for every type, as <see cref="ushort"/> also for the 16-bit float types.</summary>
    /// <typeparam name="T">The C# type that corresponds to <see cref="ElementType"/>.</typeparam>
    /// <exception cref="InvalidOperationException">The elements are of another type, too many for a span, or on a device.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public Span<T> Span<T>()
        where T : unmanaged
    {
        ThrowIfUnreadable();
        if (!ElementLayout.Accepts<T>(ElementType))
        {
            throw new InvalidOperationException($"A tensor of {ElementType} cannot be seen as {typeof(T).Name}.");
        }

        var length = ElementLayout.SpanLength<T>(ElementType, ElementCount);
        return length <= int.MaxValue
            ? new Span<T>((void*)_address, (int)length)
            : throw new InvalidOperationException($"A span cannot hold the {length} elements of this tensor; use Address.");
    }

    /// <summary>Gives the tensor up; its memory goes when nothing else uses it. May be called again.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _value?.Dispose();
        _hold?.Dispose();
    }

    /// <summary>Takes over a value made by ONNX Runtime.</summary>
    internal static OrtTensor Adopt(OrtHandle value)
    {
        using var lease = new HandleLease(value);
        var (type, shape) = ValueReader.TypeAndShape(value.Api, lease.Value);
        nint data = 0;
        var isOnDevice = ValueReader.IsOnDevice(value.Api, lease.Value);
        if (type != TensorElementType.String && !isOnDevice)
        {
            value.Api.Check(value.Api.GetTensorMutableData(lease.Value, &data));
        }

        return new OrtTensor(value, data, type, shape, value, isOnDevice);
    }

    /// <summary>The native value, made at the first use so that tensors need no library before they meet a session.</summary>
    internal OrtHandle Value(OrtApi api)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _value ??= CreateValue(api);
            return _value.Api == api
                ? _value
                : throw new InvalidOperationException("A tensor cannot be used with two ONNX Runtime libraries; copy it.");
        }
    }

    private static long ByteLengthOf(TensorElementType type, ReadOnlySpan<long> shape) =>
        type is TensorElementType.String or TensorElementType.Undefined
            ? throw new ArgumentException($"Tensors of {type} elements cannot be made here; only numbers and bool can.", nameof(type))
            : ElementLayout.ByteLength(type, ElementLayout.Count(shape));

    private void ThrowIfUnreadable()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsOnDevice)
        {
            throw new InvalidOperationException("The tensor is in the memory of a device; bind the output to a tensor of the CPU to read it.");
        }
    }

    private OrtHandle CreateValue(OrtApi api)
    {
        nint value;
        fixed (long* shape = _shape)
        {
            // An empty tensor still wants an address.
            api.Check(api.CreateTensorWithDataAsOrtValue(
                api.CpuMemory, _address, (nuint)ByteLength, shape, (nuint)_shape.Length, ElementLayout.ToNative(ElementType), &value));
        }

        return new OrtHandle(api, OrtFunction.ReleaseValue, value, _memory);
    }
}
