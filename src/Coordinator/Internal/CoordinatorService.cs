using Microsoft.AspNetCore.Routing;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>coordinator.proto on top of the registry.</summary>
internal sealed class CoordinatorService(RunRegistry registry)
{
    private const int DefaultIntervalMs = 200;

    // A rank that falls silent changes the status without anybody saying so.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapRpcService(CoordinatorMethods.Service, binder => binder
        .Unary<RegisterRequest, RegisterReply>("Register", (request, _) => Task.FromResult(registry.Register(request)))
        .Unary<ReportRequest, ReportReply>("Report", (request, _) => Task.FromResult(registry.Report(request)))
        .Unary<FinishRequest, FinishReply>("Finish", (request, _) => Task.FromResult(registry.Finish(request)))
        .Unary<GetStatusRequest, RunStatus>("GetStatus", (request, _) => Task.FromResult(registry.GetStatus(request.HistoryLimit)))
        .Unary<DirectiveRequest, DirectiveReply>("Directive", (request, _) => Task.FromResult(registry.Request(request)))
        .ServerStreaming<WatchRequest, RunStatus>("Watch", WatchAsync));

    private async Task WatchAsync(WatchRequest request, IRpcStreamWriter<RunStatus> responses, RpcServerCallContext context)
    {
        var interval = TimeSpan.FromMilliseconds(request.MinIntervalMs > 0 ? request.MinIntervalMs : DefaultIntervalMs);
        var sent = -1L;
        while (true)
        {
            var changed = registry.Changed.Next;
            var status = registry.GetStatus(request.HistoryLimit);
            if (status.Version != sent)
            {
                await responses.WriteAsync(status).ConfigureAwait(false);
                sent = status.Version;
                await Task.Delay(interval, context.CancellationToken).ConfigureAwait(false);
            }

            await Task.WhenAny(changed, Task.Delay(LongestWait, context.CancellationToken)).ConfigureAwait(false);
            context.CancellationToken.ThrowIfCancellationRequested();
        }
    }
}
