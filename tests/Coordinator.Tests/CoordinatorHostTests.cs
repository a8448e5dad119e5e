using Grpc.Health.V1;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Tests;

public class CoordinatorHostTests
{
    [Fact]
    public async Task Health_of_server_and_service_is_serving()
    {
        await using var host = await CoordinatorHost.StartAsync();
        using var channel = RpcChannel.ForAddress(host.Address);
        var check = new RpcMethod<HealthCheckRequest, HealthCheckResponse>(HealthReflection.Descriptor.Services[0], "Check");
        foreach (var service in new[] { "", "ortzero.coordinator.v1.Coordinator" })
        {
            var reply = await channel.AsyncUnaryCall(check, new HealthCheckRequest { Service = service });
            Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
        }
    }

    [Fact]
    public async Task Port_in_use_is_one_sentence_with_the_fix()
    {
        var logger = new ListLogger();
        await using var host = await CoordinatorHost.StartAsync();
        var port = int.Parse(host.Address.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
        var error = await Assert.ThrowsAsync<CoordinatorException>(() =>
            CoordinatorHost.StartAsync(new CoordinatorHostOptions { Port = port, LoggerFactory = logger }));
        Assert.Equal($"The coordinator cannot listen on 127.0.0.1:{port} (Address already in use); choose a free port, or 0 for any.", error.Message);
        Assert.Empty(logger.Messages);
    }

    [Fact]
    public async Task Address_of_another_machine_is_one_sentence_with_the_fix()
    {
        var error = await Assert.ThrowsAsync<CoordinatorException>(() => CoordinatorHost.StartAsync(new CoordinatorHostOptions { Host = "203.0.113.7" }));
        Assert.Contains("203.0.113.7:0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_messages_of_the_run_are_logged()
    {
        var logger = new ListLogger();
        await using (var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { LoggerFactory = logger }))
        {
            await using var client = new CoordinatorClient(host.Address, Runs.Hasty());
            await client.RegisterAsync(Runs.Describe());
            client.Finished(Runs.Summary());
        }

        Assert.Equal(
            ["Registered rank 0 (host host0, process 100) of run 'run-1' (1 of 1).", "Finished: rank 0 (host host0, process 100), Completed. "],
            logger.Messages.Select(message => message.Text));
    }

    [Fact]
    public async Task Watch_tells_of_a_rank_that_falls_silent()
    {
        var clock = new ManualClock();
        await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions { TimeProvider = clock });
        using var channel = RpcChannel.ForAddress(host.Address);
        await channel.AsyncUnaryCall(OrtZero.Coordinator.Internal.CoordinatorMethods.Register, Runs.Request(0, 1));
        using var connection = new CoordinatorConnection(host.Address);
        await using var statuses = connection.WatchAsync().GetAsyncEnumerator();
        Assert.True(await statuses.MoveNextAsync());
        Assert.Equal(RunState.Running, statuses.Current.State);
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(await statuses.MoveNextAsync());
        Assert.Equal(RunState.Lost, statuses.Current.State);
    }

    [Fact]
    public async Task End_of_the_host_ends_watchers()
    {
        var host = await CoordinatorHost.StartAsync();
        using var connection = new CoordinatorConnection(host.Address);
        await using var statuses = connection.WatchAsync().GetAsyncEnumerator();
        Assert.True(await statuses.MoveNextAsync());
        await host.DisposeAsync();
        var error = await Assert.ThrowsAsync<RpcException>(async () => await statuses.MoveNextAsync());
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
    }
}
