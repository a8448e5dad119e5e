using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// The data of a tensor that stays in its file: it is read when somebody looks at it, and the garbage collector may have it back
/// afterwards, so that a model takes no more memory than what is looked at.
/// </summary>
internal sealed class FileBytes(TensorFile file, long offset, int length) : MemoryManager<byte>
{
    /// <summary>Smaller tensors are read at once: shapes, indices, biases.</summary>
    public const int Smallest = 1 << 16;

    private readonly WeakReference<byte[]?> _read = new(null);
    private byte[]? _held;

    public override Memory<byte> Memory => CreateMemory(length);

    /// <summary>Data for a tensor's raw_data.</summary>
    public static ByteString Wrap(TensorFile file, long offset, int length) =>
        UnsafeByteOperations.UnsafeWrap(new FileBytes(file, offset, length).Memory);

    /// <summary>Reads what a ByteString of <see cref="Wrap"/> stands for and keeps it; any other has its data anyway.</summary>
    public static void Hold(ByteString data)
    {
        if (MemoryMarshal.TryGetMemoryManager<byte, FileBytes>(data.Memory, out var bytes))
        {
            bytes._held ??= bytes.Bytes();
        }
    }

    public override Span<byte> GetSpan() => Bytes();

    public override MemoryHandle Pin(int elementIndex = 0) => new Memory<byte>(Bytes())[elementIndex..].Pin();

    public override void Unpin()
    {
        // The handle of Pin unpins the array itself.
    }

    protected override void Dispose(bool disposing)
    {
    }

    private byte[] Bytes()
    {
        if (_held is not null)
        {
            return _held;
        }

        if (!_read.TryGetTarget(out var bytes))
        {
            bytes = GC.AllocateUninitializedArray<byte>(length);
            file.Read(offset, bytes);
            _read.SetTarget(bytes);
        }

        return bytes;
    }
}
