using Microsoft.Extensions.Logging;

namespace OrtZero.RankWorker.Internal;

/// <summary>Writes log messages as plain lines that do not run into the progress line.</summary>
internal sealed class LineLogger(ProgressDisplay display, int rank, LogLevel minimum) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= minimum && logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
        {
            return;
        }

        var line = logLevel >= LogLevel.Warning ? $"warning: {formatter(state, exception)}" : formatter(state, exception);
        if (rank == 0)
        {
            display.WriteLine(line);
        }
        else
        {
            Console.Error.WriteLine($"[rank {rank}] {line}");
        }
    }
}
