using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>Memory for stretches of different lengths that are released in the order in which they were reserved.</summary>
internal sealed class RingBuffer(long elements) : IDisposable
{
    private readonly AlignedBuffer _buffer = new(elements * sizeof(float));
    private long _head;
    private long _tail;
    private int _count;

    /// <summary>The bytes of all of it.</summary>
    public long ByteLength => _buffer.ByteLength;

    /// <summary>Finds room for a stretch in one piece. False: something must be released first.</summary>
    public bool TryReserve(long length, out long offset)
    {
        if (_count == 0)
        {
            (_head, _tail) = (0, 0);
        }

        // Free is what lies behind the tail and before the head; when the tail has gone round, what lies between the two.
        var wrapped = _count > 0 && _tail <= _head;
        offset = _tail;
        if (!wrapped && elements - _tail < length)
        {
            (offset, wrapped) = (0, true);
        }

        if (wrapped ? _head - offset < length : elements - offset < length)
        {
            return false;
        }

        _tail = offset + length;
        _count++;
        return true;
    }

    /// <summary>Releases the oldest stretch.</summary>
    /// <param name="end">Its offset and length added up.</param>
    public void Release(long end)
    {
        _head = end;
        _count--;
    }

    public Span<float> Span(long offset, int count) => _buffer.Span<float>(offset, count);

    public void Dispose() => _buffer.Dispose();
}
