using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// One native object of ONNX Runtime. It counts as a user of the handles it depends on (a session of its environment and
/// its operators, a tensor of its memory), so that whatever the order in which owners are disposed or finalized, native
/// objects are released after everything that uses them.
/// </summary>
internal class OrtHandle : SafeHandle
{
    private readonly OrtFunction _release;
    private readonly Lock _lock = new();
    private readonly List<SafeHandle> _dependencies = [];

    /// <summary>Takes ownership of <paramref name="handle"/>. Dependencies must be leased by the caller.</summary>
    public OrtHandle(OrtApi api, OrtFunction release, nint handle, params ReadOnlySpan<SafeHandle> dependencies)
        : base(0, ownsHandle: true)
    {
        Api = api;
        _release = release;
        SetHandle(handle);
        foreach (var dependency in dependencies)
        {
            Retain(dependency);
        }
    }

    public OrtApi Api { get; }

    /// <summary>True once the owner disposed it, although native users may still keep the object itself alive.</summary>
    public bool IsDisposed { get; private set; }

    public override bool IsInvalid => handle == 0;

    /// <summary>Keeps another handle alive until this one is released.</summary>
    public void Retain(SafeHandle dependency)
    {
        var added = false;
        dependency.DangerousAddRef(ref added);
        lock (_lock)
        {
            _dependencies.Add(dependency);
        }
    }

    /// <summary>The handles kept alive by this one.</summary>
    public SafeHandle[] Retained()
    {
        lock (_lock)
        {
            return [.. _dependencies];
        }
    }

    /// <summary>Makes the native object usable until the lease ends, also if another thread disposes the owner meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">The owner was disposed.</exception>
    public HandleLease Lease(object owner)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, owner);
        return new HandleLease(this);
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }

    protected override unsafe bool ReleaseHandle()
    {
        ((delegate* unmanaged<nint, void>)Api[_release])(handle);
        ReleaseDependencies();
        return true;
    }

    protected void ReleaseDependencies()
    {
        foreach (var dependency in _dependencies)
        {
            dependency.DangerousRelease();
        }

        _dependencies.Clear();
    }
}
