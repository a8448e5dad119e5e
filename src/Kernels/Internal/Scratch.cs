namespace OrtZero.Kernels.Internal;

/// <summary>
/// Working memory that a kernel keeps between calls, so that calls allocate nothing. Runs of one session on several threads are
/// rare but allowed: while one has the memory another gets its own.
/// </summary>
internal sealed class Scratch<T>
    where T : unmanaged
{
    private T[]? _idle;

    /// <summary>At least <paramref name="length"/> elements of any content.</summary>
    internal T[] Take(int length)
    {
        var array = Interlocked.Exchange(ref _idle, null);
        return array is not null && array.Length >= length ? array : GC.AllocateUninitializedArray<T>(length);
    }

    /// <summary>Keeps the memory for the next call.</summary>
    internal void Return(T[] array) => Volatile.Write(ref _idle, array);
}
