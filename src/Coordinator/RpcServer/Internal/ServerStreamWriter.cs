using Google.Protobuf;

namespace OrtZero.Coordinator.Internal;

/// <summary>The responses of a call as its handler sees them.</summary>
internal sealed class ServerStreamWriter<T>(ServerTransport transport) : IRpcStreamWriter<T>
    where T : class, IMessage<T>
{
    public Task WriteAsync(T message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        cancellationToken.ThrowIfCancellationRequested();
        return transport.WriteAsync(message, flush: true);
    }

    /// <summary>Writes the one response, which leaves together with the trailers.</summary>
    public Task WriteSingleAsync(T message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return transport.WriteAsync(message, flush: false);
    }
}
