using Grpc.Health.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace OrtZero.Coordinator.Tests.Rpc;

public class HealthTests
{
    private static readonly RpcMethod<HealthCheckRequest, HealthCheckResponse> Check = new(HealthReflection.Descriptor.Services[0], "Check");
    private static readonly RpcMethod<HealthCheckRequest, HealthCheckResponse> Watch = new(HealthReflection.Descriptor.Services[0], "Watch");

    [Fact]
    public async Task Check_tells_the_state_and_does_not_know_other_names()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = RpcChannel.ForAddress(server.Address);
        Assert.Equal(ServingStatus.Serving, (await channel.AsyncUnaryCall(Check, new HealthCheckRequest())).Status);
        server.Health.SetStatus("a.b.C", ServingStatus.NotServing);
        Assert.Equal(ServingStatus.NotServing, (await channel.AsyncUnaryCall(Check, new HealthCheckRequest { Service = "a.b.C" })).Status);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.AsyncUnaryCall(Check, new HealthCheckRequest { Service = "x" }));
        Assert.Equal(RpcStatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public async Task Watch_tells_every_change()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = RpcChannel.ForAddress(server.Address);
        using var call = channel.AsyncServerStreamingCall(Watch, new HealthCheckRequest { Service = "late" });
        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.Equal(ServingStatus.ServiceUnknown, call.ResponseStream.Current.Status);
        foreach (var status in new[] { ServingStatus.Serving, ServingStatus.NotServing })
        {
            server.Health.SetStatus("late", status);
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(status, call.ResponseStream.Current.Status);
        }
    }
}
