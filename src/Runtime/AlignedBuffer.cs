using System.Runtime.CompilerServices;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// Zeroed native memory whose first byte lies on a 64-byte boundary, so that vector instructions and ONNX Runtime may
/// use it directly. Tensors made over it (<see cref="OrtTensor.Wrap"/>) keep the memory alive even after this object is
/// disposed; spans do not, so hold the buffer for as long as a span of it is in use.
/// </summary>
public sealed class AlignedBuffer : IDisposable
{
    /// <summary>The alignment of <see cref="Address"/> in bytes: one cache line, one AVX-512 register.</summary>
    public const int Alignment = 64;

    private readonly AlignedMemoryHandle _memory;

    /// <summary>Takes <paramref name="byteLength"/> bytes, all zero. Pages are only taken from the system when touched.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="OutOfMemoryException">The system does not give that much memory.</exception>
    public AlignedBuffer(long byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        _memory = AlignedMemoryHandle.Allocate(byteLength);
        ByteLength = byteLength;
    }

    /// <summary>The bytes of all buffers of the process that exist now.</summary>
    public static long AllocatedBytes => AlignedMemoryHandle.AllocatedBytes;

    /// <summary>The most bytes that buffers of the process had at one time.</summary>
    public static long PeakBytes => AlignedMemoryHandle.PeakBytes;

    /// <summary>The length in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The address of the first byte, a multiple of <see cref="Alignment"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _memory.Address;
        }
    }

    internal bool IsDisposed { get; private set; }

    internal AlignedMemoryHandle Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _memory;
        }
    }

    /// <summary>A view of <paramref name="count"/> elements from element <paramref name="elementOffset"/> on.</summary>
    /// <typeparam name="T">The element type; offsets count in elements of it.</typeparam>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public unsafe Span<T> Span<T>(long elementOffset, int count)
        where T : unmanaged
    {
        var elements = ByteLength / Unsafe.SizeOf<T>();
        ArgumentOutOfRangeException.ThrowIfNegative(elementOffset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elementOffset, elements - count);
        return new Span<T>((T*)Address + elementOffset, count);
    }

    /// <summary>The whole buffer; bytes beyond the last whole element are left out.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <exception cref="InvalidOperationException">There are more elements than a span can hold (2^31 - 1).</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<T> Span<T>()
        where T : unmanaged
    {
        var elements = ByteLength / Unsafe.SizeOf<T>();
        return elements <= int.MaxValue
            ? Span<T>(0, (int)elements)
            : throw new InvalidOperationException($"A span cannot hold the {elements} elements of this buffer; ask for ranges of it.");
    }

    /// <summary>Gives the memory back as soon as no tensor uses it any more. May be called again.</summary>
    public void Dispose()
    {
        IsDisposed = true;
        _memory.Dispose();
    }
}
