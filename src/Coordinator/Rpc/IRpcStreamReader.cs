namespace OrtZero.Coordinator;

/// <summary>Messages that arrive one after the other.</summary>
public interface IRpcStreamReader<out T>
{
    /// <summary>The message that the last <see cref="MoveNext"/> found.</summary>
    T Current { get; }

    /// <summary>Waits for the next message; false at the end of the stream. One at a time.</summary>
    /// <exception cref="RpcException">The call ended badly.</exception>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}
