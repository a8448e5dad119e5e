using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace OrtZero.Coordinator.Internal;

/// <summary>Serves the calls of one method.</summary>
internal sealed class ServerCall<TRequest, TResponse>(
    RpcMethod<TRequest, TResponse> method,
    Func<ServerStreamReader<TRequest>, ServerStreamWriter<TResponse>, RpcServerCallContext, Task> serve,
    ServerEnvironment environment)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    public async Task InvokeAsync(HttpContext http)
    {
        if (!ServerTransport.TryPrepare(http))
        {
            return;
        }

        using var transport = new ServerTransport(http, environment);
        var encoding = http.Request.Headers[GrpcProtocol.EncodingHeader].ToString();
        if (encoding is not ("" or GrpcProtocol.Identity or GrpcProtocol.Gzip))
        {
            await transport.FinishAsync(
                new RpcStatus(RpcStatusCode.Unimplemented, $"The encoding '{encoding}' is not known here; use identity or gzip."), [])
                .ConfigureAwait(false);
            return;
        }

        TimeSpan? timeout = null;
        var header = http.Request.Headers[GrpcProtocol.TimeoutHeader].ToString();
        if (header.Length > 0)
        {
            if (!GrpcTimeout.TryParse(header, out var time))
            {
                await transport.FinishAsync(
                    new RpcStatus(RpcStatusCode.Internal, $"The grpc-timeout '{header}' is not understood."), []).ConfigureAwait(false);
                return;
            }

            timeout = time;
        }

        var handler = RunAsync(http, transport, encoding, timeout);
        if (timeout is { } limit && !await IsDoneWithinAsync(handler, limit).ConfigureAwait(false))
        {
            transport.Cancel(RpcStatusCode.DeadlineExceeded, "The deadline passed before the call was done.");
            await transport.FinishEarlyAsync(transport.CancelStatus!.Value).ConfigureAwait(false);
        }

        // In any case, since Kestrel uses the context again after this method.
        var (status, trailers) = await handler.ConfigureAwait(false);
        await transport.FinishAsync(status, trailers).ConfigureAwait(false);
    }

    private static async Task<bool> IsDoneWithinAsync(Task handler, TimeSpan limit)
    {
        using var stop = new CancellationTokenSource();
        var deadline = Task.Delay(limit, stop.Token);
        var first = await Task.WhenAny(handler, deadline).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        return first == handler;
    }

    private async Task<(RpcStatus Status, RpcMetadata Trailers)> RunAsync(
        HttpContext http, ServerTransport transport, string encoding, TimeSpan? timeout)
    {
        try
        {
            var context = new RpcServerCallContext(
                http, method.FullName, transport, timeout is { } limit ? DateTime.UtcNow + limit : DateTime.MaxValue);
            var frames = new FrameReader(http.Request.BodyReader, encoding, environment.Options.MaxReceiveMessageSize);
            await serve(
                new ServerStreamReader<TRequest>(frames, method.RequestParser, transport),
                new ServerStreamWriter<TResponse>(transport), context).ConfigureAwait(false);
            return (context.Status, context.ResponseTrailers);
        }
        catch (RpcException e)
        {
            return (e.Status, e.Trailers);
        }
        catch (OperationCanceledException) when (transport.CancelStatus is { } status)
        {
            return (status, []);
        }
        catch (Exception e)
        {
            ServerLog.HandlerFailed(environment.Logger, method.FullName, e);
            return (new RpcStatus(RpcStatusCode.Unknown, environment.Options.EnableDetailedErrors
                ? string.Create(CultureInfo.InvariantCulture, $"The handler failed: {e.GetType().Name}: {e.Message}")
                : "The handler failed."), []);
        }
    }
}
