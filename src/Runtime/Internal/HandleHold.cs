using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>A lasting use of another handle, which ends when disposed or, if forgotten, when collected.</summary>
internal sealed class HandleHold : SafeHandle
{
    private readonly SafeHandle _held;

    public HandleHold(SafeHandle held)
        : base(0, ownsHandle: true)
    {
        var added = false;
        held.DangerousAddRef(ref added);
        _held = held;
        SetHandle(held.DangerousGetHandle());
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        _held.DangerousRelease();
        return true;
    }
}
