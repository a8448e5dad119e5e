using System.Net;
using Google.Protobuf;

namespace OrtZero.Coordinator;

/// <summary>
/// A connection to a server, opened by the first call and opened again when it was lost. Safe for many calls at once.
/// The method names are those of Grpc.Core's CallInvoker.
/// </summary>
public sealed class RpcChannel : IDisposable
{
    private readonly HttpMessageInvoker _invoker;
    private readonly CancellationTokenSource _disposed = new();

    private RpcChannel(Uri address, RpcChannelOptions options)
    {
        Address = address;
        Options = options;
        // An HttpMessageInvoker, since HttpClient ends every call after 100 s.
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = options.ConnectTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            KeepAlivePingDelay = options.KeepAlivePingDelay ?? Timeout.InfiniteTimeSpan,
            KeepAlivePingTimeout = options.KeepAlivePingTimeout,
        });
    }

    /// <summary>The server, for example http://127.0.0.1:5000/.</summary>
    public Uri Address { get; }

    internal RpcChannelOptions Options { get; }

    internal CancellationToken Disposed => _disposed.Token;

    /// <summary>A channel to "host:port" or "http://host:port" (cleartext HTTP/2), or "https://host:port".</summary>
    /// <exception cref="ArgumentException">The text is no address.</exception>
    public static RpcChannel ForAddress(string address, RpcChannelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(address);
        var text = address.Contains("://", StringComparison.Ordinal) ? address : "http://" + address;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
        {
            throw new ArgumentException($"'{address}' is no address of a server; write host:port, for example 127.0.0.1:5000.", nameof(address));
        }

        return ForAddress(uri, options);
    }

    /// <summary>A channel to an http or https address.</summary>
    public static RpcChannel ForAddress(Uri address, RpcChannelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        return new RpcChannel(address, options ?? new RpcChannelOptions());
    }

    /// <summary>Sends one request; await <see cref="RpcCall{TRequest, TResponse}.ResponseAsync"/> for the response.</summary>
    public RpcCall<TRequest, TResponse> AsyncUnaryCall<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions options = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Start(method, RpcMethodType.Unary, request, options);

    /// <summary>Sends one request; read <see cref="RpcCall{TRequest, TResponse}.ResponseStream"/>.</summary>
    public RpcCall<TRequest, TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions options = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Start(method, RpcMethodType.ServerStreaming, request, options);

    /// <summary>Write <see cref="RpcCall{TRequest, TResponse}.RequestStream"/>, complete it, then await the one response.</summary>
    public RpcCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, RpcCallOptions options = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Start(method, RpcMethodType.ClientStreaming, null, options);

    /// <summary>Write the request stream and read the response stream, in any order.</summary>
    public RpcCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, RpcCallOptions options = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Start(method, RpcMethodType.DuplexStreaming, null, options);

    /// <summary>Ends all calls with CANCELLED and closes the connection.</summary>
    public void Dispose()
    {
        if (!_disposed.IsCancellationRequested)
        {
            _disposed.Cancel();
            _invoker.Dispose();
        }
    }

    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Version = HttpVersion.Version20;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        return _invoker.SendAsync(request, cancellationToken);
    }

    private RpcCall<TRequest, TResponse> Start<TRequest, TResponse>(
        RpcMethod<TRequest, TResponse> method, RpcMethodType type, TRequest? request, RpcCallOptions options)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(method);
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        if (method.Type != type)
        {
            throw new ArgumentException($"{method.FullName} is a {method.Type} method, not {type}.", nameof(method));
        }

        return new RpcCall<TRequest, TResponse>(this, method, request, options);
    }
}
