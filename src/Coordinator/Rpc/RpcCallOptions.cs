namespace OrtZero.Coordinator;

/// <summary>What a caller may say about one call.</summary>
/// <param name="Headers">Metadata sent with the request; null for none.</param>
/// <param name="Deadline">When the call must be done, in UTC; the server is told. Null (the default) for never.</param>
/// <param name="CancellationToken">Ends the call with CANCELLED on both sides.</param>
public readonly record struct RpcCallOptions(
    RpcMetadata? Headers = null,
    DateTime? Deadline = null,
    CancellationToken CancellationToken = default)
{
    /// <summary>A deadline this long from now, and a token.</summary>
    public static RpcCallOptions Within(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        new(null, DateTime.UtcNow + timeout, cancellationToken);
}
