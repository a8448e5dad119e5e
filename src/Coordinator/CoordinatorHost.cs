using System.Net;
using System.Net.Sockets;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator;

/// <summary>A coordinator that runs in this process. It prints nothing and leaves the process's signals alone.</summary>
public sealed class CoordinatorHost : IAsyncDisposable
{
    private readonly WebApplication _application;

    private CoordinatorHost(WebApplication application, string address)
    {
        _application = application;
        Address = address;
    }

    /// <summary>Where ranks and operators reach it: "host:port" with the real port.</summary>
    public string Address { get; }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="CoordinatorException">The address cannot be listened on.</exception>
    public static async Task<CoordinatorHost> StartAsync(CoordinatorHostOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new CoordinatorHostOptions();
        var ip = await ResolveAsync(options.Host, cancellationToken).ConfigureAwait(false);

        // Nothing of the surroundings counts: no arguments, no appsettings.json of the current folder.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        var loggers = new OwnLoggerFactory(options.LoggerFactory ?? NullLoggerFactory.Instance);
        builder.Services.AddSingleton<ILoggerFactory>(loggers);
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(ip, options.Port, listen => listen.Protocols = HttpProtocols.Http2);
        });

        var application = builder.Build();
        var registry = new RunRegistry(
            options.TimeProvider, options.LostAfter, options.HistoryCapacity, loggers.CreateLogger("OrtZero.Coordinator"));
        new CoordinatorService(registry).Map(application);
        var health = new RpcHealthService();
        health.SetStatus(CoordinatorMethods.Service.FullName, HealthCheckResponse.Types.ServingStatus.Serving);
        health.Map(application);
        application.MapUnknownRpcServices();
        try
        {
            await application.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw new CoordinatorException(
                $"The coordinator cannot listen on {options.Host}:{options.Port} ({(e.InnerException ?? e).Message}); choose a free port, or 0 for any.", e);
        }

        var port = new Uri(application.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        return new CoordinatorHost(application, $"{Reachable(options.Host, ip)}:{port}");
    }

    /// <summary>Ends open calls and stops to listen.</summary>
    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync(CancellationToken.None).ConfigureAwait(false);
        await _application.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<IPAddress> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (host == "*")
        {
            return IPAddress.Any;
        }

        if (IPAddress.TryParse(host, out var ip))
        {
            return ip;
        }

        try
        {
            var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);
            return addresses.FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
        }
        catch (SocketException e)
        {
            throw new CoordinatorException($"'{host}' is no address of this machine ({e.Message}); listen on 127.0.0.1 or '*'.", e);
        }
    }

    private static string Reachable(string host, IPAddress ip) =>
        ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any) ? Dns.GetHostName()
        : ip.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]"
        : host;
}
