using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>A use of a native object that keeps it from being released; ends with <see cref="Dispose"/>.</summary>
internal readonly ref struct HandleLease
{
    private readonly SafeHandle _handle;

    public HandleLease(SafeHandle handle)
    {
        var added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    public nint Value => _handle.DangerousGetHandle();

    public void Dispose() => _handle.DangerousRelease();
}
