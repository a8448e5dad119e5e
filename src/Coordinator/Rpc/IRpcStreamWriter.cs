namespace OrtZero.Coordinator;

/// <summary>Sends messages one after the other.</summary>
public interface IRpcStreamWriter<in T>
{
    /// <summary>Sends a message; done when the transport has taken it. One at a time.</summary>
    Task WriteAsync(T message, CancellationToken cancellationToken = default);
}
