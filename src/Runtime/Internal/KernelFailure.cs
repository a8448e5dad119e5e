namespace OrtZero.Runtime.Internal;

/// <summary>
/// What a C# kernel threw on this thread during the current run. Sequential execution calls kernels on the thread that
/// called Run, so the exception can be handed on as the inner one; from other threads only its message arrives.
/// </summary>
internal static class KernelFailure
{
    [ThreadStatic]
    private static Exception? _last;

    public static void Remember(Exception exception) => _last = exception;

    public static void Forget() => _last = null;

    public static Exception? Take()
    {
        var last = _last;
        _last = null;
        return last;
    }
}
