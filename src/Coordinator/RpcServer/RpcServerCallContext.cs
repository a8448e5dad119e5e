using Microsoft.AspNetCore.Http;
using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator;

/// <summary>What a handler knows about the call it serves, and what it may send besides messages.</summary>
public sealed class RpcServerCallContext
{
    private readonly ServerTransport _transport;

    internal RpcServerCallContext(HttpContext http, string method, ServerTransport transport, DateTime deadline)
    {
        HttpContext = http;
        Method = method;
        _transport = transport;
        Deadline = deadline;
        foreach (var (name, values) in http.Request.Headers)
        {
            foreach (var value in values)
            {
                GrpcProtocol.AddHeader(RequestHeaders, name, value);
            }
        }
    }

    /// <summary>The path of the method, for example "/grpc.health.v1.Health/Check".</summary>
    public string Method { get; }

    /// <summary>The authority the caller asked for.</summary>
    public string Host => HttpContext.Request.Host.Value ?? "";

    /// <summary>The caller's address, for example "127.0.0.1:40000".</summary>
    public string Peer => $"{HttpContext.Connection.RemoteIpAddress}:{HttpContext.Connection.RemotePort}";

    /// <summary>When the caller gives up, in UTC; <see cref="DateTime.MaxValue"/> for never.</summary>
    public DateTime Deadline { get; }

    /// <summary>The caller's metadata.</summary>
    public RpcMetadata RequestHeaders { get; } = [];

    /// <summary>Metadata that goes with the status.</summary>
    public RpcMetadata ResponseTrailers { get; } = [];

    /// <summary>The status of a call whose handler returns normally; default success.</summary>
    public RpcStatus Status { get; set; } = RpcStatus.Success;

    /// <summary>Cancelled when the caller gave up, the deadline passed or the server shuts down.</summary>
    public CancellationToken CancellationToken => _transport.Cancelled;

    /// <summary>The HTTP request and response that carry the call. Not to be touched after the handler returned.</summary>
    public HttpContext HttpContext { get; }

    /// <summary>Sends metadata before the first message.</summary>
    /// <exception cref="InvalidOperationException">A message or headers have been sent.</exception>
    public Task WriteResponseHeadersAsync(RpcMetadata headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        return _transport.WriteHeadersAsync(headers);
    }
}
