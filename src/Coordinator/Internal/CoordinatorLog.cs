using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

internal static partial class CoordinatorLog
{
    [LoggerMessage(EventId = 7101, Level = LogLevel.Information, Message = "Registered {Rank} of run '{Run}' ({Count} of {WorldSize}).")]
    public static partial void RankRegistered(ILogger logger, string rank, string run, int count, int worldSize);

    [LoggerMessage(EventId = 7102, Level = LogLevel.Information, Message = "Heard again of {Rank}.")]
    public static partial void RankReturned(ILogger logger, string rank);

    [LoggerMessage(EventId = 7103, Level = LogLevel.Information, Message = "Finished: {Rank}, {State}. {Error}")]
    public static partial void RankFinished(ILogger logger, string rank, RankState state, string error);

    [LoggerMessage(EventId = 7104, Level = LogLevel.Warning, Message = "Refused a rank: {Reason}")]
    public static partial void RankRefused(ILogger logger, string reason);

    [LoggerMessage(EventId = 7105, Level = LogLevel.Information, Message = "Directive {Kind} ({Sequence}) asked for by '{RequestedBy}'.")]
    public static partial void DirectiveRequested(ILogger logger, DirectiveKind kind, long sequence, string requestedBy);

    [LoggerMessage(EventId = 7106, Level = LogLevel.Information, Message = "Directive {Sequence} taken by {Rank}.")]
    public static partial void DirectiveTaken(ILogger logger, long sequence, string rank);
}
