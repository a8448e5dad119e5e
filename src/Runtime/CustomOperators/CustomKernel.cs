namespace OrtZero.Runtime;

/// <summary>
/// The code behind one node of a session. Disposed with the session. Runs of one session on several threads call the same
/// kernel at the same time.
/// </summary>
public abstract class CustomKernel : IDisposable
{
    /// <summary>
    /// Computes the outputs. An exception ends the run, which throws an <see cref="OrtException"/> with its message and, in
    /// sequential execution, with the exception itself inside.
    /// </summary>
    public abstract void Compute(in KernelContext context);

    /// <summary>Releases what the kernel holds.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the kernel holds; override it where there is something.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
