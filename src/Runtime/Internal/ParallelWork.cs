namespace OrtZero.Runtime.Internal;

/// <summary>What the pieces of one ParallelFor share. It lies on the stack of the thread that waits for them.</summary>
internal unsafe struct ParallelWork
{
    /// <summary>Does one piece; the first argument is <see cref="Body"/>.</summary>
    public delegate*<void*, int, void> Invoke;

    /// <summary>The address of the body, also on that stack.</summary>
    public void* Body;

    /// <summary>The first exception, after which no further piece starts.</summary>
    public Exception? Failure;
}
