using System.Net;
using System.Threading.Channels;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Tests.Protocol;

namespace OrtZero.Coordinator.Tests.Rpc;

/// <summary>A real server on a free port that serves probe.proto. It remembers how every call was cancelled.</summary>
internal sealed class ProbeServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly Channel<string> _cancelled = Channel.CreateUnbounded<string>();

    private ProbeServer(RpcServerOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        _application = builder.Build();
        Health = new RpcHealthService();
        Health.Map(_application);
        _application.MapRpcService(Service, binder => binder
            .Unary<ProbeRequest, ProbeReply>("Echo", EchoAsync)
            .ServerStreaming<ProbeRequest, ProbeReply>("Count", CountAsync)
            .ClientStreaming<ProbeRequest, ProbeReply>("Collect", CollectAsync)
            .DuplexStreaming<ProbeRequest, ProbeReply>("Chat", ChatAsync), options);
        _application.MapUnknownRpcServices();
    }

    public static Google.Protobuf.Reflection.ServiceDescriptor Service => ProbeReflection.Descriptor.Services[0];

    public static RpcMethod<ProbeRequest, ProbeReply> Echo { get; } = new(Service, "Echo");

    public static RpcMethod<ProbeRequest, ProbeReply> Count { get; } = new(Service, "Count");

    public static RpcMethod<ProbeRequest, ProbeReply> Collect { get; } = new(Service, "Collect");

    public static RpcMethod<ProbeRequest, ProbeReply> Chat { get; } = new(Service, "Chat");

    public RpcHealthService Health { get; }

    public string Address { get; private set; } = "";

    /// <summary>Waits until calls of these methods were cancelled, each once; the limit only ends a test that has failed.</summary>
    public async Task WaitForCancelledAsync(params string[] methods)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var missing = methods.ToHashSet();
        while (missing.Count > 0)
        {
            missing.Remove(await _cancelled.Reader.ReadAsync(limit.Token));
        }
    }

    public static async Task<ProbeServer> StartAsync(RpcServerOptions? options = null)
    {
        var server = new ProbeServer(options ?? new RpcServerOptions());
        await server._application.StartAsync();
        server.Address = server._application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return server;
    }

    public Task StopAsync() => _application.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }

    private async Task<ProbeReply> AnswerAsync(ProbeRequest request, RpcServerCallContext context)
    {
        try
        {
            await Task.Delay(request.DelayMs, context.CancellationToken);
        }
        catch (OperationCanceledException)
        {
            _cancelled.Writer.TryWrite(context.Method);
            throw;
        }

        foreach (var entry in context.RequestHeaders)
        {
            context.ResponseTrailers.Add(entry);
        }

        return request.Status == 0
            ? new ProbeReply { Text = request.Text, Number = request.Count, Payload = ByteString.CopyFrom(new byte[request.PayloadBytes]) }
            : throw new RpcException(new RpcStatus((RpcStatusCode)request.Status, request.Message), context.ResponseTrailers);
    }

    private async Task<ProbeReply> EchoAsync(ProbeRequest request, RpcServerCallContext context)
    {
        if (request.Text == "throw")
        {
            throw new IOException("disk on fire");
        }

        if (request.Text == "headers")
        {
            await context.WriteResponseHeadersAsync(new RpcMetadata { { "early", "yes" }, { "early-bin", [1, 2, 255] } });
        }

        return await AnswerAsync(request, context);
    }

    private async Task CountAsync(ProbeRequest request, IRpcStreamWriter<ProbeReply> responses, RpcServerCallContext context)
    {
        for (var i = 0; i < request.Count; i++)
        {
            await responses.WriteAsync(new ProbeReply { Number = i, Payload = ByteString.CopyFrom(new byte[request.PayloadBytes]) });
        }

        await AnswerAsync(request, context);
    }

    private async Task<ProbeReply> CollectAsync(IRpcStreamReader<ProbeRequest> requests, RpcServerCallContext context)
    {
        var reply = new ProbeReply();
        await foreach (var request in requests.ReadAllAsync())
        {
            reply.Number++;
            reply.Text += request.Text;
            if (request.Status != 0)
            {
                await AnswerAsync(request, context);
            }
        }

        return reply;
    }

    private async Task ChatAsync(IRpcStreamReader<ProbeRequest> requests, IRpcStreamWriter<ProbeReply> responses, RpcServerCallContext context)
    {
        await foreach (var request in requests.ReadAllAsync())
        {
            await responses.WriteAsync(await AnswerAsync(request, context));
        }
    }
}
