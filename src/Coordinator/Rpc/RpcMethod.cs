using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace OrtZero.Coordinator;

/// <summary>A method of a service: its path, its kind and how its messages are read.</summary>
/// <typeparam name="TRequest">The request message.</typeparam>
/// <typeparam name="TResponse">The response message.</typeparam>
public sealed class RpcMethod<TRequest, TResponse>
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    /// <summary>The method of a descriptor that protoc generated.</summary>
    /// <exception cref="ArgumentException">The type arguments are not the messages of the method.</exception>
    public RpcMethod(MethodDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        RequestParser = Parser<TRequest>(descriptor, descriptor.InputType, "request");
        ResponseParser = Parser<TResponse>(descriptor, descriptor.OutputType, "response");
        ServiceName = descriptor.Service.FullName;
        Name = descriptor.Name;
        Type = (descriptor.IsClientStreaming, descriptor.IsServerStreaming) switch
        {
            (false, false) => RpcMethodType.Unary,
            (true, false) => RpcMethodType.ClientStreaming,
            (false, true) => RpcMethodType.ServerStreaming,
            (true, true) => RpcMethodType.DuplexStreaming,
        };
    }

    /// <summary>The method of that name of a service.</summary>
    /// <exception cref="ArgumentException">The service has no such method, or the type arguments are not its messages.</exception>
    public RpcMethod(ServiceDescriptor service, string name)
        : this(Find(service, name))
    {
    }

    /// <summary>How many messages go each way.</summary>
    public RpcMethodType Type { get; }

    /// <summary>The service with its package, for example "grpc.health.v1.Health".</summary>
    public string ServiceName { get; }

    /// <summary>The method, for example "Check".</summary>
    public string Name { get; }

    /// <summary>The path on the wire, for example "/grpc.health.v1.Health/Check".</summary>
    public string FullName => $"/{ServiceName}/{Name}";

    internal MessageParser<TRequest> RequestParser { get; }

    internal MessageParser<TResponse> ResponseParser { get; }

    private static MethodDescriptor Find(ServiceDescriptor service, string name)
    {
        ArgumentNullException.ThrowIfNull(service);
        return service.FindMethodByName(name)
            ?? throw new ArgumentException($"The service {service.FullName} has no method {name}.", nameof(name));
    }

    private static MessageParser<T> Parser<T>(MethodDescriptor method, MessageDescriptor message, string role)
        where T : class, IMessage<T> =>
        message.Parser as MessageParser<T> ?? throw new ArgumentException(
            $"The {role} of {method.FullName} is {message.ClrType.Name}, not {typeof(T).Name}.", nameof(method));
}
