namespace OrtZero.Coordinator;

/// <summary>What a server accepts and tells.</summary>
public sealed class RpcServerOptions
{
    /// <summary>The largest request message in bytes; null for no limit. Default 4 MiB.</summary>
    public int? MaxReceiveMessageSize { get; set; } = 4 * 1024 * 1024;

    /// <summary>The largest response message in bytes; null (the default) for no limit.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Whether callers are told the message of an exception that a handler did not expect. Default false.</summary>
    public bool EnableDetailedErrors { get; set; }
}
