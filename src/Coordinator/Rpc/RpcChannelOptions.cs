namespace OrtZero.Coordinator;

/// <summary>How a channel connects and what it accepts.</summary>
public sealed class RpcChannelOptions
{
    /// <summary>The largest response message in bytes; null for no limit. Default 4 MiB.</summary>
    public int? MaxReceiveMessageSize { get; set; } = 4 * 1024 * 1024;

    /// <summary>The largest request message in bytes; null (the default) for no limit.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>How long a connection may take to open. Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How often an idle connection with open calls is pinged; null for never. Default 60 s. Servers built on the gRPC core
    /// close connections that ping much faster than every 30 s.
    /// </summary>
    public TimeSpan? KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long the answer to a ping may take. Default 20 s.</summary>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(20);
}
