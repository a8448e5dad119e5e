using Google.Protobuf;
using OrtZero.Coordinator.Tests.Protocol;

namespace OrtZero.Coordinator.Tests.Rpc;

public sealed class CallTests : IAsyncLifetime
{
    private ProbeServer _server = null!;
    private RpcChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _server = await ProbeServer.StartAsync(new RpcServerOptions { MaxReceiveMessageSize = 100_000 });
        _channel = RpcChannel.ForAddress(_server.Address, new RpcChannelOptions { MaxReceiveMessageSize = 2_000_000 });
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Unary_call_gives_the_response_the_status_and_both_kinds_of_metadata()
    {
        var headers = new RpcMetadata { { "plain", "a b" }, { "bytes-bin", [0, 255, 7] } };
        using var call = _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Text = "headers", Count = 3 }, new RpcCallOptions(headers));
        var early = await call.ResponseHeadersAsync;
        var reply = await call;
        Assert.Equal(3, reply.Number);
        Assert.Equal("yes", early.GetValue("early"));
        Assert.Equal([1, 2, 255], early.GetValueBytes("early-bin"));
        Assert.Equal(RpcStatus.Success, call.GetStatus());
        Assert.Equal("a b", call.GetTrailers().GetValue("plain"));
        Assert.Equal([0, 255, 7], call.GetTrailers().GetValueBytes("bytes-bin"));
    }

    [Fact]
    public async Task Server_stream_arrives_whole_and_in_order()
    {
        using var call = _channel.AsyncServerStreamingCall(ProbeServer.Count, new ProbeRequest { Count = 2_000, PayloadBytes = 700 });
        var numbers = new List<int>();
        await foreach (var reply in call.ResponseStream.ReadAllAsync())
        {
            numbers.Add(reply.Number);
        }

        Assert.Equal(Enumerable.Range(0, 2_000), numbers);
        Assert.Equal(RpcStatusCode.OK, call.GetStatus().Code);
    }

    [Fact]
    public async Task Client_stream_is_answered_after_its_end()
    {
        using var call = _channel.AsyncClientStreamingCall(ProbeServer.Collect);
        foreach (var text in new[] { "a", "b", "c" })
        {
            await call.RequestStream.WriteAsync(new ProbeRequest { Text = text });
        }

        await call.RequestStream.CompleteAsync();
        Assert.Equal(new ProbeReply { Text = "abc", Number = 3 }, await call);
    }

    [Fact]
    public async Task Duplex_messages_alternate()
    {
        using var call = _channel.AsyncDuplexStreamingCall(ProbeServer.Chat);
        for (var i = 0; i < 50; i++)
        {
            await call.RequestStream.WriteAsync(new ProbeRequest { Count = i, PayloadBytes = i });
            Assert.True(await call.ResponseStream.MoveNext(default));
            Assert.Equal(i, call.ResponseStream.Current.Number);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(default));
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync(new ProbeRequest()));
    }

    [Fact]
    public async Task Large_message_passes()
    {
        var reply = await _channel.AsyncUnaryCall(
            ProbeServer.Echo, new ProbeRequest { PayloadBytes = 1_500_000, Payload = ByteString.CopyFrom(new byte[90_000]) });
        Assert.Equal(1_500_000, reply.Payload.Length);
    }

    [Theory]
    [InlineData(RpcStatusCode.FailedPrecondition, "rank 1 disagrees: 100 % größer\nthan \"that\"")]
    [InlineData(RpcStatusCode.NotFound, "")]
    [InlineData(RpcStatusCode.DataLoss, "lost")]
    public async Task Status_and_sentence_of_a_handler_arrive(RpcStatusCode code, string message)
    {
        var request = new ProbeRequest { Status = (int)code, Message = message };
        var options = new RpcCallOptions(new RpcMetadata { { "why", "because" } });
        var unary = await Assert.ThrowsAsync<RpcException>(async () => await _channel.AsyncUnaryCall(ProbeServer.Echo, request, options));
        Assert.Equal((code, message), (unary.StatusCode, unary.Status.Detail));
        Assert.Equal("because", unary.Trailers.GetValue("why"));

        request.Count = 2;
        using var call = _channel.AsyncServerStreamingCall(ProbeServer.Count, request, options);
        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.True(await call.ResponseStream.MoveNext(default));
        var stream = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal((code, message), (stream.StatusCode, stream.Status.Detail));
        Assert.Equal("because", stream.Trailers.GetValue("why"));
    }

    [Fact]
    public async Task Exception_of_a_handler_is_unknown_and_its_text_stays_on_the_server()
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Text = "throw" }));
        Assert.Equal(RpcStatusCode.Unknown, error.StatusCode);
        Assert.DoesNotContain("fire", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exception_of_a_handler_is_told_when_asked_for()
    {
        await using var server = await ProbeServer.StartAsync(new RpcServerOptions { EnableDetailedErrors = true });
        using var channel = RpcChannel.ForAddress(server.Address);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Text = "throw" }));
        Assert.Contains("IOException: disk on fire", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_above_the_limit_is_resource_exhausted()
    {
        var request = new ProbeRequest { Payload = ByteString.CopyFrom(new byte[200_000]) };
        var error = await Assert.ThrowsAsync<RpcException>(async () => await _channel.AsyncUnaryCall(ProbeServer.Echo, request));
        Assert.Equal(RpcStatusCode.ResourceExhausted, error.StatusCode);
        Assert.Contains("100000 bytes", error.Status.Detail, StringComparison.Ordinal);
        Assert.Equal("still here", (await _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Text = "still here" })).Text);
    }

    [Fact]
    public async Task Response_above_the_limit_is_resource_exhausted()
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { PayloadBytes = 2_000_001 }));
        Assert.Equal(RpcStatusCode.ResourceExhausted, error.StatusCode);
    }

    [Fact]
    public async Task Deadline_ends_the_call_on_both_sides()
    {
        // A busy machine may need more than the first deadline to get the call going at all.
        var hasBegun = false;
        for (var timeout = TimeSpan.FromMilliseconds(200); !hasBegun; timeout *= 4)
        {
            using var call = _channel.AsyncServerStreamingCall(
                ProbeServer.Count, new ProbeRequest { Count = 1, DelayMs = -1 }, RpcCallOptions.Within(timeout));
            var error = await Assert.ThrowsAsync<RpcException>(async () =>
            {
                hasBegun = await call.ResponseStream.MoveNext(default);
                await call.ResponseStream.MoveNext(default);
            });
            Assert.Equal(RpcStatusCode.DeadlineExceeded, error.StatusCode);
        }

        await _server.WaitForCancelledAsync(ProbeServer.Count.FullName);
    }

    [Fact]
    public async Task Deadline_in_the_past_never_reaches_the_server()
    {
        var options = RpcCallOptions.Within(TimeSpan.FromSeconds(-1));
        var error = await Assert.ThrowsAsync<RpcException>(async () => await _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest(), options));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, error.StatusCode);
    }

    [Fact]
    public async Task Server_keeps_the_deadline_when_the_caller_does_not()
    {
        // The header without the client's own timer, as a caller with a slow clock would send it. A first call warms up.
        await _channel.AsyncServerStreamingCall(ProbeServer.Count, new ProbeRequest { Count = 1 }).ResponseStream.MoveNext(default);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(new Uri(_server.Address), ProbeServer.Count.FullName))
        {
            Version = System.Net.HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(OrtZero.Coordinator.Internal.FrameWriter.ToBytes(new ProbeRequest { Count = 1, DelayMs = -1 }, null)),
        };
        request.Content.Headers.Add("Content-Type", "application/grpc");
        request.Headers.Add("te", "trailers");
        request.Headers.Add("grpc-timeout", "1S");
        using var response = await invoker.SendAsync(request, default);
        var body = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(5, body.Length);
        Assert.Equal("4", response.TrailingHeaders.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task Cancellation_by_the_token_reaches_the_handler()
    {
        using var source = new CancellationTokenSource();
        using var call = _channel.AsyncServerStreamingCall(
            ProbeServer.Count, new ProbeRequest { Count = 1, DelayMs = -1 }, new RpcCallOptions(CancellationToken: source.Token));
        Assert.True(await call.ResponseStream.MoveNext(default));
        await source.CancelAsync();
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(RpcStatusCode.Cancelled, error.StatusCode);
        await _server.WaitForCancelledAsync(ProbeServer.Count.FullName);
    }

    [Fact]
    public async Task Disposing_a_duplex_call_reaches_the_handler_and_spares_the_connection()
    {
        using (var call = _channel.AsyncDuplexStreamingCall(ProbeServer.Chat))
        {
            await call.RequestStream.WriteAsync(new ProbeRequest { DelayMs = -1 });
            call.Dispose();
            await Assert.ThrowsAsync<RpcException>(() => call.RequestStream.WriteAsync(new ProbeRequest()));
        }

        Assert.Equal("x", (await _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Text = "x" })).Text);
    }

    [Fact]
    public async Task Server_that_ends_a_client_stream_early_frees_a_blocked_writer()
    {
        using var call = _channel.AsyncClientStreamingCall(ProbeServer.Collect);
        await call.RequestStream.WriteAsync(new ProbeRequest { Status = (int)RpcStatusCode.OutOfRange, Message = "enough" });
        var big = new ProbeRequest { Payload = ByteString.CopyFrom(new byte[50_000]) };
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
            {
                await call.RequestStream.WriteAsync(big);
            }
        });
        Assert.Equal((RpcStatusCode.OutOfRange, "enough"), (error.StatusCode, error.Status.Detail));
        error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(RpcStatusCode.OutOfRange, error.StatusCode);
    }

    [Fact]
    public async Task Unknown_method_and_service_are_unimplemented()
    {
        // Health.Check's messages are read as anything; only the path matters.
        var other = new RpcMethod<Grpc.Health.V1.HealthCheckRequest, Grpc.Health.V1.HealthCheckResponse>(
            Grpc.Health.V1.HealthReflection.Descriptor.Services[0], "Check");
        await using var bare = await EmptyServer.StartAsync();
        using var channel = RpcChannel.ForAddress(bare.Address);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.AsyncUnaryCall(other, new Grpc.Health.V1.HealthCheckRequest()));
        Assert.Equal(RpcStatusCode.Unimplemented, error.StatusCode);
        Assert.Contains("/grpc.health.v1.Health/Check", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_there_is_unavailable_and_names_the_address()
    {
        await _server.StopAsync();
        using var channel = RpcChannel.ForAddress(_server.Address);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest()));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
        Assert.Contains(new Uri(_server.Address).Authority, error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shutdown_ends_open_streams_as_unavailable()
    {
        using var call = _channel.AsyncServerStreamingCall(ProbeServer.Count, new ProbeRequest { Count = 1, DelayMs = -1 });
        Assert.True(await call.ResponseStream.MoveNext(default));
        var stopping = _server.StopAsync();
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
        await stopping.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Many_calls_at_once_share_the_channel()
    {
        var replies = await Task.WhenAll(Enumerable.Range(0, 300).Select(async i =>
            (await _channel.AsyncUnaryCall(ProbeServer.Echo, new ProbeRequest { Count = i })).Number));
        Assert.Equal(Enumerable.Range(0, 300), replies);
    }

    [Theory]
    [InlineData("")]
    [InlineData("http://")]
    [InlineData("ftp://host:1")]
    [InlineData("host:notaport")]
    public void What_is_no_address_is_refused(string address) => Assert.ThrowsAny<ArgumentException>(() => RpcChannel.ForAddress(address));
}
