using Microsoft.Extensions.Logging;

namespace OrtZero.Sharding.Internal;

/// <summary>The log messages of this project; event ids 3000 to 3099.</summary>
internal static partial class Log
{
    [LoggerMessage(3000, LogLevel.Debug,
        "ZeRO stage {Stage}: {Parameters} parameters of {Elements} elements in {Buckets} buckets; rank {Rank} of {Size} holds {Bytes} bytes of model state.")]
    public static partial void EngineReady(ILogger logger, int stage, int parameters, long elements, int buckets, int rank, int size, long bytes);
}
