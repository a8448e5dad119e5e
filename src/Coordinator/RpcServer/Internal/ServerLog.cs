using Microsoft.Extensions.Logging;

namespace OrtZero.Coordinator.Internal;

internal static partial class ServerLog
{
    [LoggerMessage(EventId = 7001, Level = LogLevel.Error, Message = "The handler of {Method} failed.")]
    public static partial void HandlerFailed(ILogger logger, string method, Exception exception);
}
