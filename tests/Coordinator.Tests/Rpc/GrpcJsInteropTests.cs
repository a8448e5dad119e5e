using Google.Protobuf;
using OrtZero.Coordinator.Tests.Protocol;

namespace OrtZero.Coordinator.Tests.Rpc;

/// <summary>Our client and server against those of grpc-js, which shares no code with either.</summary>
public class GrpcJsInteropTests
{
    [Fact]
    public async Task Client_of_grpc_js_gets_along_with_our_server()
    {
        await using var server = await ProbeServer.StartAsync(new RpcServerOptions { MaxReceiveMessageSize = 100_000 });
        var results = await NodeProcess.RunAsync("probe-client.mjs", new Uri(server.Address).Authority);

        var echo = results.GetProperty("echo");
        Assert.Equal(0, Code("echo"));
        Assert.Equal(3, echo.GetProperty("reply").GetProperty("number").GetInt32());
        Assert.Equal("yes", echo.GetProperty("header").GetString());
        Assert.Equal("0102ff", echo.GetProperty("bytes").GetString());
        Assert.Equal("a b", echo.GetProperty("trailer").GetString());
        Assert.Equal("00ff07", echo.GetProperty("trailerBytes").GetString());

        Assert.Equal((9, "größer\nthan 100 %"), (Code("error"), Text("error", "details")));
        Assert.Equal("a b", Text("error", "trailer"));
        Assert.Equal(2, Code("thrown"));
        Assert.Equal(4, Code("deadline"));
        Assert.Equal(8, Code("tooLarge"));
        Assert.Equal(1_500_000, Number("large", "length"));
        Assert.Equal((0, 5000), (Code("zipped"), Number("zipped", "length")));
        Assert.Equal((0, 1000, 999), (Code("count"), Number("count", "length"), Number("count", "last")));
        Assert.Equal((14, "gone"), (Code("countError"), Text("countError", "details")));
        Assert.Equal(2, results.GetProperty("countError").GetProperty("messages").GetArrayLength());
        Assert.Equal(1, Code("cancelled"));
        Assert.Equal("abc", Text("collect", "text"));
        Assert.Equal((11, "enough"), (Code("collectError"), Text("collectError", "details")));
        Assert.Equal(0, Code("chat"));
        Assert.Equal(Enumerable.Range(0, 21), results.GetProperty("chat").GetProperty("messages").EnumerateArray().Select(number => number.GetInt32()));
        Assert.Equal("SERVING", results.GetProperty("health").GetProperty("reply").GetProperty("status").GetString());
        Assert.Equal(5, Code("healthUnknown"));
        Assert.Equal(12, Code("unimplemented"));
        Assert.Equal(12, Code("noService"));
        await server.WaitForCancelledAsync(ProbeServer.Echo.FullName, ProbeServer.Count.FullName);

        int Code(string name) => Number(name, "code");
        int Number(string name, string field) => results.GetProperty(name).GetProperty(field).GetInt32();
        string? Text(string name, string field) => results.GetProperty(name).GetProperty(field).GetString();
    }

    [Fact]
    public async Task Our_client_gets_along_with_a_server_of_grpc_js()
    {
        var (server, address) = await NodeProcess.ServeAsync("probe-server.mjs");
        await using var process = server;
        using var channel = RpcChannel.ForAddress(address);
        var options = new RpcCallOptions(new RpcMetadata { { "plain", "a b" }, { "bytes-bin", [0, 255, 7] } });

        using (var call = channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Text = "headers", Count = 3 }, options))
        {
            Assert.Equal([1, 2, 255], (await call.ResponseHeadersAsync).GetValueBytes("early-bin"));
            Assert.Equal(3, (await call).Number);
            Assert.Equal("a b", call.GetTrailers().GetValue("plain"));
            Assert.Equal([0, 255, 7], call.GetTrailers().GetValueBytes("bytes-bin"));
        }

        var error = await FailAsync(channel, new ProbeRequest { Status = 9, Message = "größer\nthan 100 %" }, options);
        Assert.Equal((RpcStatusCode.FailedPrecondition, "größer\nthan 100 %"), (error.StatusCode, error.Status.Detail));
        Assert.Equal("a b", error.Trailers.GetValue("plain"));
        error = await FailAsync(channel, new ProbeRequest { DelayMs = -1 }, RpcCallOptions.Within(TimeSpan.FromMilliseconds(200)));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, error.StatusCode);
        error = await FailAsync(channel, new ProbeRequest { Payload = ByteString.CopyFrom(new byte[200_000]) }, default);
        Assert.Equal(RpcStatusCode.ResourceExhausted, error.StatusCode);
        Assert.Equal(1_500_000, (await channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { PayloadBytes = 1_500_000 })).Payload.Length);

        using (var call = channel.AsyncServerStreamingCall(ProbeServer.Count, new ProbeRequest { Count = 1000, PayloadBytes = 700 }))
        {
            Assert.Equal(Enumerable.Range(0, 1000), await call.ResponseStream.ReadAllAsync().Select(reply => reply.Number).ToListAsync());
        }

        using (var call = channel.AsyncServerStreamingCall(ProbeServer.Count, new ProbeRequest { Count = 1, Status = 14, Message = "gone" }))
        {
            Assert.True(await call.ResponseStream.MoveNext(default));
            error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
            Assert.Equal((RpcStatusCode.Unavailable, "gone"), (error.StatusCode, error.Status.Detail));
        }

        using (var call = channel.AsyncClientStreamingCall(ProbeServer.Collect))
        {
            foreach (var text in new[] { "a", "b", "c" })
            {
                await call.RequestStream.WriteAsync(new ProbeRequest { Text = text });
            }

            await call.RequestStream.CompleteAsync();
            Assert.Equal("abc", (await call).Text);
        }

        using (var call = channel.AsyncClientStreamingCall(ProbeServer.Collect))
        {
            await call.RequestStream.WriteAsync(new ProbeRequest { Status = 11, Message = "enough" });
            error = await Assert.ThrowsAsync<RpcException>(async () => await call);
            Assert.Equal((RpcStatusCode.OutOfRange, "enough"), (error.StatusCode, error.Status.Detail));
            await Assert.ThrowsAsync<RpcException>(() => call.RequestStream.WriteAsync(new ProbeRequest()));
        }

        using (var call = channel.AsyncDuplexStreamingCall(ProbeServer.Chat))
        {
            for (var i = 0; i < 20; i++)
            {
                await call.RequestStream.WriteAsync(new ProbeRequest { Count = i });
                Assert.True(await call.ResponseStream.MoveNext(default));
                Assert.Equal(i, call.ResponseStream.Current.Number);
            }

            await call.RequestStream.CompleteAsync();
            Assert.False(await call.ResponseStream.MoveNext(default));
        }

        var health = new RpcMethod<Grpc.Health.V1.HealthCheckRequest, Grpc.Health.V1.HealthCheckResponse>(
            Grpc.Health.V1.HealthReflection.Descriptor.Services[0], "Check");
        error = await Assert.ThrowsAsync<RpcException>(async () => await channel.AsyncUnaryCall(health, new Grpc.Health.V1.HealthCheckRequest()));
        Assert.Equal(RpcStatusCode.Unimplemented, error.StatusCode);
    }

    [Fact]
    public async Task Client_of_grpc_js_plays_a_rank_and_an_operator()
    {
        await using var host = await CoordinatorHost.StartAsync();
        var results = await NodeProcess.RunAsync("coordinator-client.mjs", host.Address);
        Assert.Equal("SERVING", results.GetProperty("health").GetProperty("status").GetString());
        Assert.Equal("RUN_STATE_NO_RUN", results.GetProperty("before").GetProperty("state").GetString());
        Assert.Equal(9, results.GetProperty("noRun").GetProperty("code").GetInt32());
        Assert.Equal(9, results.GetProperty("refused").GetProperty("code").GetInt32());
        Assert.Contains("configuration hash: it has d and rank 0", results.GetProperty("refused").GetProperty("details").GetString(), StringComparison.Ordinal);
        Assert.Equal("DIRECTIVE_KIND_STOP", results.GetProperty("report").GetProperty("directives")[0].GetProperty("kind").GetString());
        Assert.Equal("RUN_STATE_NO_RUN", results.GetProperty("first").GetString());
        Assert.Equal(10, results.GetProperty("last").GetProperty("history")[0].GetProperty("iteration").GetInt32());
        Assert.Equal(0, results.GetProperty("last").GetProperty("pending_directives").GetArrayLength());
        Assert.Equal(1, results.GetProperty("watchCode").GetInt32());
    }

    private static Task<RpcException> FailAsync(RpcChannel channel, ProbeRequest request, RpcCallOptions options) =>
        Assert.ThrowsAsync<RpcException>(async () => await channel.AsyncUnaryCall(ProbeServer.Echo, request, options));
}
