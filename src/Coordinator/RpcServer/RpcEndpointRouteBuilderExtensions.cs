using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Internal;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace OrtZero.Coordinator;

/// <summary>Puts gRPC services on the paths of a web application.</summary>
public static class RpcEndpointRouteBuilderExtensions
{
    /// <summary>Serves every method of a service.</summary>
    /// <param name="endpoints">The application. Its endpoint must speak HTTP/2.</param>
    /// <param name="service">The descriptor that protoc generated.</param>
    /// <param name="bind">Binds each method to its handler.</param>
    /// <param name="options">Limits; null for the defaults.</param>
    /// <exception cref="ArgumentException">A method is bound twice, not at all, or to a handler with other messages.</exception>
    public static void MapRpcService(
        this IEndpointRouteBuilder endpoints, ServiceDescriptor service, Action<RpcServiceBinder> bind, RpcServerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(bind);
        var environment = CreateEnvironment(endpoints, options);
        var binder = new RpcServiceBinder(service, environment);
        bind(binder);
        foreach (var method in service.Methods)
        {
            var path = $"/{service.FullName}/{method.Name}";
            if (!binder.Handlers.TryGetValue(path, out var handler))
            {
                throw new ArgumentException($"{path} has no handler.", nameof(bind));
            }

            endpoints.MapPost(path, handler);
        }

        Refuse(endpoints, $"/{service.FullName}/{{method}}", environment, "method");
    }

    /// <summary>Answers calls to services that are not mapped with UNIMPLEMENTED and a sentence.</summary>
    public static void MapUnknownRpcServices(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        Refuse(endpoints, "/{service}/{method}", CreateEnvironment(endpoints, null), "service");
    }

    private static void Refuse(IEndpointRouteBuilder endpoints, string pattern, ServerEnvironment environment, string what) =>
        endpoints.MapPost(pattern, (HttpContext http) => ServerTransport.RefuseAsync(
            http, environment, new RpcStatus(RpcStatusCode.Unimplemented, $"There is no {what} {http.Request.Path.Value} here.")));

    private static ServerEnvironment CreateEnvironment(IEndpointRouteBuilder endpoints, RpcServerOptions? options) => new(
        options ?? new RpcServerOptions(),
        endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("OrtZero.Coordinator.Rpc"),
        endpoints.ServiceProvider.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
}
