using Google.Protobuf;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Http;
using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator;

/// <summary>Says which handler serves which method of a service; names and message types are checked against its descriptor.</summary>
public sealed class RpcServiceBinder
{
    private readonly ServiceDescriptor _service;
    private readonly ServerEnvironment _environment;
    private readonly Dictionary<string, RequestDelegate> _handlers = new(StringComparer.Ordinal);

    internal RpcServiceBinder(ServiceDescriptor service, ServerEnvironment environment)
    {
        _service = service;
        _environment = environment;
    }

    /// <summary>The paths and their handlers.</summary>
    internal IReadOnlyDictionary<string, RequestDelegate> Handlers => _handlers;

    /// <summary>Serves a method with one request and one response.</summary>
    public RpcServiceBinder Unary<TRequest, TResponse>(string name, Func<TRequest, RpcServerCallContext, Task<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, RpcMethodType.Unary, handler, async (requests, responses, context) =>
        {
            var request = await requests.SingleAsync().ConfigureAwait(false);
            await responses.WriteSingleAsync(await handler(request, context).ConfigureAwait(false)).ConfigureAwait(false);
        });

    /// <summary>Serves a method with one request and any number of responses.</summary>
    public RpcServiceBinder ServerStreaming<TRequest, TResponse>(
        string name, Func<TRequest, IRpcStreamWriter<TResponse>, RpcServerCallContext, Task> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, RpcMethodType.ServerStreaming, handler, async (requests, responses, context) =>
            await handler(await requests.SingleAsync().ConfigureAwait(false), responses, context).ConfigureAwait(false));

    /// <summary>Serves a method with any number of requests and one response.</summary>
    public RpcServiceBinder ClientStreaming<TRequest, TResponse>(
        string name, Func<IRpcStreamReader<TRequest>, RpcServerCallContext, Task<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, RpcMethodType.ClientStreaming, handler, async (requests, responses, context) =>
            await responses.WriteSingleAsync(await handler(requests, context).ConfigureAwait(false)).ConfigureAwait(false));

    /// <summary>Serves a method with any number of requests and responses.</summary>
    public RpcServiceBinder DuplexStreaming<TRequest, TResponse>(
        string name, Func<IRpcStreamReader<TRequest>, IRpcStreamWriter<TResponse>, RpcServerCallContext, Task> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, RpcMethodType.DuplexStreaming, handler, handler);

    private RpcServiceBinder Add<TRequest, TResponse>(
        string name, RpcMethodType type, Delegate handler,
        Func<ServerStreamReader<TRequest>, ServerStreamWriter<TResponse>, RpcServerCallContext, Task> serve)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(handler);
        var method = new RpcMethod<TRequest, TResponse>(_service, name);
        if (method.Type != type)
        {
            throw new ArgumentException($"{method.FullName} is a {method.Type} method, not {type}.", nameof(name));
        }

        if (!_handlers.TryAdd(method.FullName, new ServerCall<TRequest, TResponse>(method, serve, _environment).InvokeAsync))
        {
            throw new ArgumentException($"{method.FullName} has two handlers.", nameof(name));
        }

        return this;
    }
}
