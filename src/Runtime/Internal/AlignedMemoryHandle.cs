using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>Zeroed native memory, over-allocated by one alignment so that large blocks come lazily from the system.</summary>
internal sealed class AlignedMemoryHandle : SafeHandle
{
    private static long s_allocated;
    private static long s_peak;

    private readonly long _byteLength;

    private AlignedMemoryHandle(nint block, long byteLength)
        : base(0, ownsHandle: true)
    {
        _byteLength = byteLength;
        SetHandle(block);
        Address = (block + AlignedBuffer.Alignment - 1) & ~(nint)(AlignedBuffer.Alignment - 1);
    }

    public static long AllocatedBytes => Interlocked.Read(ref s_allocated);

    public static long PeakBytes => Interlocked.Read(ref s_peak);

    public nint Address { get; }

    public override bool IsInvalid => handle == 0;

    public static unsafe AlignedMemoryHandle Allocate(long byteLength)
    {
        var block = NativeMemory.AllocZeroed(checked((nuint)byteLength + AlignedBuffer.Alignment));
        var allocated = Interlocked.Add(ref s_allocated, byteLength);
        for (var peak = PeakBytes; allocated > peak && Interlocked.CompareExchange(ref s_peak, allocated, peak) != peak;)
        {
            peak = PeakBytes;
        }

        return new AlignedMemoryHandle((nint)block, byteLength);
    }

    protected override unsafe bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        Interlocked.Add(ref s_allocated, -_byteLength);
        return true;
    }
}
