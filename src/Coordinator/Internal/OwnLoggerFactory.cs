using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace OrtZero.Coordinator.Internal;

/// <summary>Lets only messages of OrtZero through: those of the web server would bury a run's own.</summary>
internal sealed class OwnLoggerFactory(ILoggerFactory inner) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) =>
        categoryName.StartsWith("OrtZero.", StringComparison.Ordinal) ? inner.CreateLogger(categoryName) : NullLogger.Instance;

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose()
    {
        // The inner factory belongs to whoever gave it.
    }
}
