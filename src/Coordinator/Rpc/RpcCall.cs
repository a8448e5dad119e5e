using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using OrtZero.Coordinator.Internal;

namespace OrtZero.Coordinator;

/// <summary>
/// A call that goes on. It has the members of Grpc.Core's four call classes; those that the kind of method has no use for throw.
/// </summary>
/// <typeparam name="TRequest">The request message.</typeparam>
/// <typeparam name="TResponse">The response message.</typeparam>
public sealed class RpcCall<TRequest, TResponse> : IDisposable
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    private readonly RpcChannel _channel;
    private readonly RpcMethod<TRequest, TResponse> _method;
    private readonly CancellationTokenSource _call = new();
    private readonly TaskCompletionSource<RpcMetadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly Task<FrameReader?> _opened;
    private readonly Task<TResponse>? _response;
    private readonly ClientStreamReader<TRequest, TResponse>? _responses;
    private readonly ClientStreamWriter<TRequest, TResponse>? _requests;
    private readonly bool _single;
    private readonly ITimer? _deadline;
    private readonly CancellationTokenRegistration _callerCancels;
    private readonly CancellationTokenRegistration _channelCloses;
    private HttpResponseMessage? _http;
    private RpcMetadata _trailers = [];
    private RpcStatus? _status;
    private bool _hasMessage;

    internal RpcCall(RpcChannel channel, RpcMethod<TRequest, TResponse> method, TRequest? request, RpcCallOptions options)
    {
        _channel = channel;
        _method = method;
        _single = method.Type is RpcMethodType.Unary or RpcMethodType.ClientStreaming;
        Observe(_headers.Task);

        var remaining = options.Deadline - DateTime.UtcNow;
        var message = CreateRequest(options.Headers, remaining);
        if (remaining <= TimeSpan.Zero)
        {
            End(new RpcStatus(RpcStatusCode.DeadlineExceeded, "The deadline had passed before the call."));
        }
        else if (options.CancellationToken.IsCancellationRequested)
        {
            Cancel();
        }

        if (request is null)
        {
            var content = new RequestStreamContent(_call.Token);
            message.Content = content;
            _requests = new ClientStreamWriter<TRequest, TResponse>(this, content, channel.Options.MaxSendMessageSize);
        }

        _opened = OpenAsync(message, request);
        Observe(_opened);
        if (_single)
        {
            _response = ReadSingleAsync();
            Observe(_response);
        }
        else
        {
            _responses = new ClientStreamReader<TRequest, TResponse>(this);
        }

        if (remaining is { } time && time < GrpcTimeout.Longest)
        {
            _deadline = TimeProvider.System.CreateTimer(
                static state => ((RpcCall<TRequest, TResponse>)state!).EndAtDeadline(), this,
                time < TimeSpan.Zero ? TimeSpan.Zero : time, Timeout.InfiniteTimeSpan);
        }

        _callerCancels = options.CancellationToken.UnsafeRegister(static state => ((RpcCall<TRequest, TResponse>)state!).Cancel(), this);
        _channelCloses = channel.Disposed.UnsafeRegister(static state => ((RpcCall<TRequest, TResponse>)state!).Cancel(), this);
        if (HasEnded)
        {
            Release();
        }
    }

    /// <summary>The one response of a unary or client streaming call.</summary>
    /// <exception cref="InvalidOperationException">The method streams its responses.</exception>
    public Task<TResponse> ResponseAsync =>
        _response ?? throw new InvalidOperationException($"{_method.FullName} streams its responses; read {nameof(ResponseStream)}.");

    /// <summary>The responses of a server streaming or duplex call.</summary>
    /// <exception cref="InvalidOperationException">The method has one response.</exception>
    public IRpcStreamReader<TResponse> ResponseStream =>
        _responses ?? throw new InvalidOperationException($"{_method.FullName} has one response; await {nameof(ResponseAsync)}.");

    /// <summary>The requests of a client streaming or duplex call.</summary>
    /// <exception cref="InvalidOperationException">The method has one request.</exception>
    public IRpcClientStreamWriter<TRequest> RequestStream =>
        _requests ?? throw new InvalidOperationException($"{_method.FullName} has one request, which was sent with the call.");

    /// <summary>The headers of the response; fails when the call ends without any.</summary>
    public Task<RpcMetadata> ResponseHeadersAsync => _headers.Task;

    private bool HasEnded
    {
        get
        {
            lock (_lock)
            {
                return _status is not null;
            }
        }
    }

    /// <summary>Awaits <see cref="ResponseAsync"/>.</summary>
    public TaskAwaiter<TResponse> GetAwaiter() => ResponseAsync.GetAwaiter();

    /// <summary>How the call ended.</summary>
    /// <exception cref="InvalidOperationException">The call goes on.</exception>
    public RpcStatus GetStatus()
    {
        lock (_lock)
        {
            return _status ?? throw new InvalidOperationException("The call has not ended.");
        }
    }

    /// <summary>The metadata that came with the status.</summary>
    /// <exception cref="InvalidOperationException">The call goes on.</exception>
    public RpcMetadata GetTrailers()
    {
        lock (_lock)
        {
            return _status is not null ? _trailers : throw new InvalidOperationException("The call has not ended.");
        }
    }

    /// <summary>Ends the call with CANCELLED if it goes on.</summary>
    public void Dispose() => Cancel();

    internal void Cancel() => End(new RpcStatus(RpcStatusCode.Cancelled, "The call was cancelled by its caller."));

    internal void ThrowIfEnded()
    {
        lock (_lock)
        {
            if (_status is { } status)
            {
                throw status.Code == RpcStatusCode.OK
                    ? new InvalidOperationException("No message can be written after the call has ended.")
                    : new RpcException(status, _trailers);
            }
        }
    }

    /// <summary>Ends the call because of an exception, if nothing ended it before, and gives the exception to throw.</summary>
    internal RpcException Fail(Exception cause)
    {
        var trailers = (cause as RpcException)?.Trailers;
        End(TransportErrors.ToStatus(cause, _channel.Address), trailers);
        lock (_lock)
        {
            return new RpcException(_status!.Value, _trailers);
        }
    }

    /// <summary>
    /// Why a request could not be written. The server may have ended the call with a status, which only the response tells.
    /// </summary>
    internal async Task<RpcException> ExplainWriteAsync(Exception cause)
    {
        try
        {
            await _opened.ConfigureAwait(false);
            if (_response is not null)
            {
                await _response.ConfigureAwait(false);
            }
        }
        catch (RpcException e)
        {
            return e;
        }

        lock (_lock)
        {
            return _status is { Code: not RpcStatusCode.OK } status
                ? new RpcException(status, _trailers)
                : new RpcException(new RpcStatus(
                    RpcStatusCode.Cancelled, "The server reads no more requests; the response tells why.", cause));
        }
    }

    /// <summary>The next response; null after the last one of a call that succeeded.</summary>
    internal async Task<TResponse?> ReadAsync()
    {
        try
        {
            if (await _opened.ConfigureAwait(false) is { } reader)
            {
                var message = await reader.ReadAsync(_method.ResponseParser, _call.Token).ConfigureAwait(false);
                if (message is not null)
                {
                    _hasMessage = true;
                    return message;
                }

                EndWithTrailers();
            }
        }
        catch (Exception e)
        {
            throw Fail(e);
        }

        var status = GetStatus();
        return status.Code == RpcStatusCode.OK ? null : throw new RpcException(status, GetTrailers());
    }

    private static void Observe(Task task) =>
        _ = task.ContinueWith(
            static faulted => _ = faulted.Exception, CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private static RpcMetadata ToMetadata(HttpHeaders headers)
    {
        var metadata = new RpcMetadata();
        foreach (var (name, values) in headers.NonValidated)
        {
            foreach (var value in values)
            {
                GrpcProtocol.AddHeader(metadata, name, value);
            }
        }

        return metadata;
    }

    private static string? Header(HttpHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    /// <summary>The status among headers or trailers; null when there is none.</summary>
    private static RpcStatus? ReadStatus(HttpHeaders headers)
    {
        if (Header(headers, GrpcProtocol.StatusHeader) is not { } text)
        {
            return null;
        }

        var detail = PercentEncoding.Decode(Header(headers, GrpcProtocol.MessageHeader) ?? "");
        return int.TryParse(text, out var code)
            ? new RpcStatus(Enum.IsDefined((RpcStatusCode)code) ? (RpcStatusCode)code : RpcStatusCode.Unknown, detail)
            : new RpcStatus(RpcStatusCode.Unknown, $"The server sent the grpc-status '{text}', which is no number.");
    }

    private HttpRequestMessage CreateRequest(RpcMetadata? headers, TimeSpan? timeout)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_channel.Address, _method.FullName));
        request.Headers.TryAddWithoutValidation("te", "trailers");
        request.Headers.TryAddWithoutValidation("user-agent", "ortzero-rpc/1.0");
        request.Headers.TryAddWithoutValidation(GrpcProtocol.AcceptEncodingHeader, GrpcProtocol.AcceptedEncodings);
        if (timeout is { } remaining && remaining < GrpcTimeout.Longest)
        {
            request.Headers.TryAddWithoutValidation(GrpcProtocol.TimeoutHeader, GrpcTimeout.Format(remaining));
        }

        foreach (var entry in headers ?? [])
        {
            if (!GrpcProtocol.IsReserved(entry.Key))
            {
                request.Headers.TryAddWithoutValidation(entry.Key, GrpcProtocol.HeaderValue(entry));
            }
        }

        return request;
    }

    private async Task<FrameReader?> OpenAsync(HttpRequestMessage request, TRequest? single)
    {
        try
        {
            if (single is not null)
            {
                request.Content = new ByteArrayContent(FrameWriter.ToBytes(single, _channel.Options.MaxSendMessageSize));
                request.Content.Headers.TryAddWithoutValidation("Content-Type", GrpcProtocol.ContentType);
            }

            var response = await _channel.SendAsync(request, _call.Token).ConfigureAwait(false);
            lock (_lock)
            {
                _http = response;
                if (_status is not null)
                {
                    response.Dispose();
                }
            }

            return await ReadHeadersAsync(response).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Fail(e);
        }
    }

    private async Task<FrameReader?> ReadHeadersAsync(HttpResponseMessage response)
    {
        var isGrpc = GrpcProtocol.IsGrpcContentType(Header(response.Content.Headers, "Content-Type"));
        var status = ReadStatus(response.Headers);
        if (status is null && ((int)response.StatusCode != 200 || !isGrpc))
        {
            throw new RpcException(
                (int)response.StatusCode == 200 ? RpcStatusCode.Unknown : GrpcProtocol.FromHttpStatus(response.StatusCode),
                $"{_channel.Address.Authority} answered HTTP {(int)response.StatusCode} without a gRPC status; is it a gRPC server?");
        }

        if (status is { } trailersOnly)
        {
            _headers.TrySetResult([]);
            End(trailersOnly, ToMetadata(response.Headers));
            return null;
        }

        _headers.TrySetResult(ToMetadata(response.Headers));
        var stream = await response.Content.ReadAsStreamAsync(_call.Token).ConfigureAwait(false);
        return new FrameReader(
            PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024, minimumReadSize: 2 * 1024)),
            Header(response.Headers, GrpcProtocol.EncodingHeader), _channel.Options.MaxReceiveMessageSize);
    }

    private async Task<TResponse> ReadSingleAsync()
    {
        // End turns a success without a message into an error, so the first read gives a message or throws.
        var message = await ReadAsync().ConfigureAwait(false);
        return await ReadAsync().ConfigureAwait(false) is null
            ? message!
            : throw Fail(new RpcException(RpcStatusCode.Internal, $"{_method.FullName} answered with more than one message."));
    }

    private void EndAtDeadline() => End(new RpcStatus(RpcStatusCode.DeadlineExceeded, "The deadline passed before the call was done."));

    private void EndWithTrailers()
    {
        HttpHeaders trailers;
        lock (_lock)
        {
            trailers = _http!.TrailingHeaders;
        }

        End(ReadStatus(trailers) ?? new RpcStatus(RpcStatusCode.Unknown, "The server ended the call without a gRPC status."), ToMetadata(trailers));
    }

    /// <summary>The first end of a call is its status; it releases everything, a blocked writer included.</summary>
    private void End(RpcStatus status, RpcMetadata? trailers = null)
    {
        if (_single && !_hasMessage && status.Code == RpcStatusCode.OK)
        {
            status = new RpcStatus(RpcStatusCode.Internal, $"{_method.FullName} succeeded without a response.");
        }

        HttpResponseMessage? response;
        lock (_lock)
        {
            if (_status is not null)
            {
                return;
            }

            _status = status;
            _trailers = trailers ?? [];
            response = _http;
        }

        _headers.TrySetException(new RpcException(status, trailers));
        _call.Cancel();
        response?.Dispose();
        Release();
    }

    private void Release()
    {
        _deadline?.Dispose();
        _callerCancels.Unregister();
        _channelCloses.Unregister();
    }
}
