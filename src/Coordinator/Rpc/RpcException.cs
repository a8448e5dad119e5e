namespace OrtZero.Coordinator;

/// <summary>
/// A call that did not succeed. On a client it says how the call ended; thrown by a handler it becomes the status of the call.
/// </summary>
public sealed class RpcException : Exception
{
    /// <summary>An exception with a status and, optionally, trailers.</summary>
    public RpcException(RpcStatus status, RpcMetadata? trailers = null)
        : base(status.ToString(), status.DebugException)
    {
        Status = status;
        Trailers = trailers ?? [];
    }

    /// <summary>An exception with the given code and sentence.</summary>
    public RpcException(RpcStatusCode code, string detail)
        : this(new RpcStatus(code, detail))
    {
    }

    /// <summary>How the call ended.</summary>
    public RpcStatus Status { get; }

    /// <summary>The code of <see cref="Status"/>.</summary>
    public RpcStatusCode StatusCode => Status.Code;

    /// <summary>Metadata that came (or shall go) with the status.</summary>
    public RpcMetadata Trailers { get; }
}
