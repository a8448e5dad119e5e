using Microsoft.Extensions.Logging;

namespace OrtZero.RankWorker.Internal;

/// <summary>What the command line says; event ids 400 to 499.</summary>
internal static partial class RankWorkerLog
{
    [LoggerMessage(EventId = 400, Level = LogLevel.Warning, Message = "No coordinator on port {Port}, training goes on without: {Reason}")]
    internal static partial void NoCoordinator(ILogger logger, int port, string reason);
}
