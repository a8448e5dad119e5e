using Grpc.Health.V1;
using Microsoft.AspNetCore.Routing;
using OrtZero.Coordinator.Internal;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace OrtZero.Coordinator;

/// <summary>The standard health service grpc.health.v1.Health, which probes and load balancers ask. Safe for many threads.</summary>
public sealed class RpcHealthService
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ServingStatus> _statuses = new(StringComparer.Ordinal) { [""] = ServingStatus.Serving };
    private readonly ChangeSignal _changed = new();

    /// <summary>Sets the state of a service, by its name with package; "" is the server as a whole, which starts as serving.</summary>
    public void SetStatus(string service, ServingStatus status)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (_lock)
        {
            _statuses[service] = status;
        }

        _changed.Pulse();
    }

    /// <summary>Serves the health service.</summary>
    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapRpcService(
        HealthReflection.Descriptor.Services[0],
        binder => binder
            .Unary<HealthCheckRequest, HealthCheckResponse>("Check", Check)
            .ServerStreaming<HealthCheckRequest, HealthCheckResponse>("Watch", WatchAsync));

    private Task<HealthCheckResponse> Check(HealthCheckRequest request, RpcServerCallContext context) =>
        Read(request.Service) is { } status
            ? Task.FromResult(new HealthCheckResponse { Status = status })
            : throw new RpcException(RpcStatusCode.NotFound, $"There is no service '{request.Service}' here.");

    private async Task WatchAsync(HealthCheckRequest request, IRpcStreamWriter<HealthCheckResponse> responses, RpcServerCallContext context)
    {
        ServingStatus? sent = null;
        while (true)
        {
            var changed = _changed.Next;
            var current = Read(request.Service) ?? ServingStatus.ServiceUnknown;
            if (current != sent)
            {
                await responses.WriteAsync(new HealthCheckResponse { Status = current }).ConfigureAwait(false);
                sent = current;
            }

            await changed.WaitAsync(context.CancellationToken).ConfigureAwait(false);
        }
    }

    private ServingStatus? Read(string service)
    {
        lock (_lock)
        {
            return _statuses.TryGetValue(service, out var status) ? status : null;
        }
    }
}
