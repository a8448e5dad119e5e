using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

internal static partial class ClientLog
{
    [LoggerMessage(EventId = 7201, Level = LogLevel.Warning,
        Message = "No coordinator at {Address}: {Reason} Training goes on without it; it is tried again in the background.")]
    public static partial void Away(ILogger logger, string address, string reason);

    [LoggerMessage(EventId = 7202, Level = LogLevel.Information,
        Message = "The coordinator at {Address} is back and has all reports but {Dropped} that were too many to keep.")]
    public static partial void Back(ILogger logger, string address, long dropped);

    [LoggerMessage(EventId = 7203, Level = LogLevel.Warning,
        Message = "The coordinator at {Address} refuses this rank, which trains on without it: {Reason}")]
    public static partial void RefusedLate(ILogger logger, string address, string reason);

    [LoggerMessage(EventId = 7204, Level = LogLevel.Error,
        Message = "Reporting to the coordinator at {Address} ended unexpectedly; training goes on.")]
    public static partial void Broken(ILogger logger, string address, Exception exception);

    [LoggerMessage(EventId = 7205, Level = LogLevel.Information, Message = "The coordinator asks for: {Directive} (requested by '{RequestedBy}').")]
    public static partial void DirectiveArrived(ILogger logger, DirectiveKind directive, string requestedBy);
}
