using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>Zeroed native memory, over-allocated by one alignment so that large blocks come lazily from the system.</summary>
internal sealed class AlignedMemoryHandle : SafeHandle
{
    private AlignedMemoryHandle(nint block)
        : base(0, ownsHandle: true)
    {
        SetHandle(block);
        Address = (block + AlignedBuffer.Alignment - 1) & ~(nint)(AlignedBuffer.Alignment - 1);
    }

    public nint Address { get; }

    public override bool IsInvalid => handle == 0;

    public static unsafe AlignedMemoryHandle Allocate(long byteLength)
    {
        var block = NativeMemory.AllocZeroed(checked((nuint)byteLength + AlignedBuffer.Alignment));
        return new AlignedMemoryHandle((nint)block);
    }

    protected override unsafe bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}
