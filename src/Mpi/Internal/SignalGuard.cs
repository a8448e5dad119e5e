namespace OrtZero.Mpi.Internal;

/// <summary>
/// Puts back every signal handler that was there before MPI started. The .NET runtime turns SIGSEGV into
/// NullReferenceException and uses other signals to stop threads for collection; MPI libraries (UCX above all) replace those
/// handlers with ones that print a backtrace and kill the process.
/// </summary>
internal sealed unsafe class SignalGuard : IDisposable
{
    private const int LastSignal = 64;
    private readonly byte[] _saved = new byte[(LastSignal + 1) * LibC.SigactionSize];
    private readonly bool[] _hasHandler = new bool[LastSignal + 1];

    public SignalGuard()
    {
        fixed (byte* saved = _saved)
        {
            for (var signal = 1; signal <= LastSignal; signal++)
            {
                var action = saved + (signal * LibC.SigactionSize);

                // The handler is the first field; 0 is the default action, which the libraries may replace. The call fails
                // for the signals that the C library keeps to itself.
                _hasHandler[signal] = LibC.Sigaction(signal, null, action) == 0 && *(nint*)action != 0;
            }
        }
    }

    /// <summary>Restores the handlers.</summary>
    public void Dispose()
    {
        fixed (byte* saved = _saved)
        {
            for (var signal = 1; signal <= LastSignal; signal++)
            {
                if (_hasHandler[signal])
                {
                    _ = LibC.Sigaction(signal, saved + (signal * LibC.SigactionSize), null);
                }
            }
        }
    }
}
