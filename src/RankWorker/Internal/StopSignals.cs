using System.Runtime.InteropServices;

namespace OrtZero.RankWorker.Internal;

/// <summary>
/// Turns Ctrl-C, SIGTERM (a scheduler ends the job) and SIGHUP into a request to stop after the current update. A second
/// signal ends the process at once, as it would without this.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    // SIGXFSZ of Linux and macOS, for which .NET has no name: a file would grow beyond the limit of "ulimit -f".
    private const PosixSignal FileTooLarge = (PosixSignal)25;

    // Without the signal the write fails, which is reported by name as a full disk is. To the end of the process: it may write then too.
    private static PosixSignalRegistration? s_fileTooLarge;

    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    internal StopSignals()
    {
        s_fileTooLarge ??= OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(FileTooLarge, context => context.Cancel = true);
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, Handle),
        ];
    }

    internal CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (!_stop.IsCancellationRequested)
        {
            context.Cancel = true;
            _stop.Cancel();
        }
    }
}
