using Microsoft.Extensions.Logging;

namespace OrtZero.Training.Internal;

/// <summary>What the loop says; event ids 300 to 399.</summary>
internal static partial class LoopLog
{
    [LoggerMessage(EventId = 300, Level = LogLevel.Warning, Message = "{Sentence}")]
    internal static partial void Advice(ILogger logger, string sentence);

    [LoggerMessage(EventId = 301, Level = LogLevel.Warning, Message = "The gradient of iteration {Iteration} is not finite, {Place}: the update is skipped and the parameters stay as they are.")]
    internal static partial void UpdateSkipped(ILogger logger, long iteration, string place);

    [LoggerMessage(EventId = 331, Level = LogLevel.Warning, Message = "The loss of iteration {Iteration} is {Loss}: run again with --debug, in one process, to see which operator it comes from.")]
    internal static partial void LossNotFinite(ILogger logger, long iteration, string loss);

    [LoggerMessage(EventId = 332, Level = LogLevel.Warning, Message = "The loss of iteration {Iteration} is {Loss}. {Finding}")]
    internal static partial void LossOrigin(ILogger logger, long iteration, string loss, string finding);

    [LoggerMessage(EventId = 333, Level = LogLevel.Warning, Message = "The gradient of iteration {Iteration} is not finite, though its loss is. {Finding}")]
    internal static partial void GradientOrigin(ILogger logger, long iteration, string finding);

    [LoggerMessage(EventId = 334, Level = LogLevel.Warning, Message = "Every micro-batch of the update of iteration {Iteration} has finite gradients when it is run again by itself: it is their sum that exceeds float32. Lower the lr or optim_wrapper.accumulative_counts.")]
    internal static partial void NoOrigin(ILogger logger, long iteration);

    [LoggerMessage(EventId = 330, Level = LogLevel.Information, Message = "groups after iteration {Iteration}: {Groups}")]
    internal static partial void GroupsMeasured(ILogger logger, long iteration, string groups);

    [LoggerMessage(EventId = 302, Level = LogLevel.Information, Message = "Resumed {Path} at iteration {Iteration}.")]
    internal static partial void Resumed(ILogger logger, string path, long iteration);

    [LoggerMessage(EventId = 308, Level = LogLevel.Information, Message = "Goes on from {Path}, if there is a checkpoint.")]
    internal static partial void Loads(ILogger logger, string path);

    [LoggerMessage(EventId = 303, Level = LogLevel.Information, Message = "Saved {Path}.")]
    internal static partial void Saved(ILogger logger, string path);

    [LoggerMessage(EventId = 305, Level = LogLevel.Information, Message = "Iteration {Iteration} waits for the checkpoint of iteration {Before}, because one checkpoint is written at a time.")]
    internal static partial void WaitsForCheckpoint(ILogger logger, long iteration, long before);

    [LoggerMessage(EventId = 306, Level = LogLevel.Warning, Message = "An old checkpoint could not be deleted: {Reason} Delete it, or it stays.")]
    internal static partial void NotDeleted(ILogger logger, string reason);

    [LoggerMessage(EventId = 307, Level = LogLevel.Warning, Message = "{Folder} held the best checkpoints of another run; they are in {Target} now, because this run keeps its own there.")]
    internal static partial void BestSetAside(ILogger logger, string folder, string target);

    [LoggerMessage(EventId = 308, Level = LogLevel.Debug, Message = "Rank {Rank} held: {Memory}.")]
    internal static partial void Memory(ILogger logger, int rank, MemoryUse memory);

    [LoggerMessage(EventId = 304, Level = LogLevel.Information, Message = "{Sentence}")]
    internal static partial void Imported(ILogger logger, string sentence);

    [LoggerMessage(EventId = 320, Level = LogLevel.Information, Message = "Trains on {Provider}: {Device}.")]
    internal static partial void ProviderChosen(ILogger logger, string provider, string device);

    [LoggerMessage(EventId = 322, Level = LogLevel.Warning, Message = "execution.provider \"auto\" trains on {Provider}: {Device}.")]
    internal static partial void ProviderFound(ILogger logger, string provider, string device);

    [LoggerMessage(EventId = 321, Level = LogLevel.Warning, Message = "Not on {Provider}, because {Problem}: {Fix}.")]
    internal static partial void ProviderRefused(ILogger logger, string provider, string? problem, string fix);
}
