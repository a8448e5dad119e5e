using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace OrtZero.Coordinator.Tests;

/// <summary>Keeps messages.</summary>
internal sealed class ListLogger : ILogger, ILoggerFactory
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Messages { get; } = new();

    public IEnumerable<string> Of(LogLevel level) => Messages.Where(message => message.Level == level).Select(message => message.Text);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Messages.Enqueue((logLevel, formatter(state, exception)));

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
