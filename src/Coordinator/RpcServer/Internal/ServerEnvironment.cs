using Microsoft.Extensions.Logging;

namespace OrtZero.Coordinator.Internal;

/// <summary>What every call of a server shares.</summary>
/// <param name="Options">The limits.</param>
/// <param name="Logger">Where unexpected exceptions of handlers go.</param>
/// <param name="Stopping">Open calls end when it is cancelled, or a shutdown would wait for them.</param>
internal sealed record ServerEnvironment(RpcServerOptions Options, ILogger Logger, CancellationToken Stopping);
