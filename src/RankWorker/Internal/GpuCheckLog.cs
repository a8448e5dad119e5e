using Microsoft.Extensions.Logging;

namespace OrtZero.RankWorker.Internal;

/// <summary>Says on which device a check runs, once, and passes warnings on.</summary>
internal sealed class GpuCheckLog : ILogger, IDisposable
{
    /// <summary>The event that names the device.</summary>
    private const int DeviceChosen = 320;

    private readonly HashSet<string> _said = new(StringComparer.Ordinal);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var sentence = formatter(state, exception);
        if ((logLevel >= LogLevel.Warning || eventId.Id == DeviceChosen) && _said.Add(sentence))
        {
            Console.Error.WriteLine(sentence);
        }
    }

    public void Dispose() => _said.Clear();
}
