using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// The response side of one call: headers, messages and the status, with one gate so that the deadline's status never meets a
/// message that is being written.
/// </summary>
internal sealed class ServerTransport : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly HttpContext _http;
    private readonly int? _maxSendSize;
    private readonly CancellationTokenSource _cancelled = new();
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenRegistration _aborted;
    private readonly CancellationTokenRegistration _stopping;

    // Response.HasStarted stays false until something is flushed, so it does not tell whether there are unflushed messages.
    private bool _written;
    private bool _closed;
    private RpcStatus? _cancelStatus;

    public ServerTransport(HttpContext http, ServerEnvironment environment)
    {
        _http = http;
        _maxSendSize = environment.Options.MaxSendMessageSize;
        Cancelled = _cancelled.Token;
        _aborted = http.RequestAborted.UnsafeRegister(
            static state => ((ServerTransport)state!).Cancel(RpcStatusCode.Cancelled, "The caller gave up."), this);
        _stopping = environment.Stopping.UnsafeRegister(
            static state => ((ServerTransport)state!).Cancel(RpcStatusCode.Unavailable, "The server is shutting down."), this);
    }

    public CancellationToken Cancelled { get; }

    /// <summary>Why the call was cancelled; null while it is not.</summary>
    public RpcStatus? CancelStatus => Cancelled.IsCancellationRequested ? _cancelStatus : null;

    /// <summary>Prepares a response, turns off the limits that would end long streams, and answers a call that cannot be served.</summary>
    public static bool TryPrepare(HttpContext http)
    {
        var response = http.Response;
        if (!GrpcProtocol.IsGrpcContentType(http.Request.ContentType))
        {
            response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return false;
        }

        if (!HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
        {
            response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return false;
        }

        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        response.ContentType = GrpcProtocol.ContentType;
        response.Headers.Append(GrpcProtocol.AcceptEncodingHeader, GrpcProtocol.AcceptedEncodings);
        return true;
    }

    public static async Task RefuseAsync(HttpContext http, ServerEnvironment environment, RpcStatus status)
    {
        if (TryPrepare(http))
        {
            using var transport = new ServerTransport(http, environment);
            await transport.FinishAsync(status, []).ConfigureAwait(false);
        }
    }

    public void Cancel(RpcStatusCode code, string detail)
    {
        lock (_cancelled)
        {
            _cancelStatus ??= new RpcStatus(code, detail);
        }

        _cancelled.Cancel();
    }

    public async Task WriteHeadersAsync(RpcMetadata headers)
    {
        await EnterAsync().ConfigureAwait(false);
        try
        {
            if (_written || _http.Response.HasStarted)
            {
                throw new InvalidOperationException("Response headers can be written only once and before the first message.");
            }

            foreach (var entry in headers)
            {
                if (!GrpcProtocol.IsReserved(entry.Key))
                {
                    _http.Response.Headers.Append(entry.Key, GrpcProtocol.HeaderValue(entry));
                }
            }

            _written = true;
            await _http.Response.StartAsync(CancellationToken.None).ConfigureAwait(false);
            await _http.Response.BodyWriter.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Writes a message. The one response of a call is left to leave with its trailers.</summary>
    public async Task WriteAsync(IMessage message, bool flush)
    {
        await EnterAsync().ConfigureAwait(false);
        try
        {
            FrameWriter.Write(_http.Response.BodyWriter, message, _maxSendSize);
            _written = true;
            if (flush)
            {
                // Without a token: Kestrel resets the stream when a flush is cancelled.
                await _http.Response.BodyWriter.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        finally
        {
            _gate.Release();
        }

        // Writes to a stream that was reset are swallowed silently.
        Cancelled.ThrowIfCancellationRequested();
    }

    /// <summary>Sends the status of a call whose handler is done.</summary>
    public async Task FinishAsync(RpcStatus status, RpcMetadata trailers)
    {
        await _gate.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        Close(status, trailers);
        _gate.Release();
    }

    /// <summary>Sends a status while the handler still runs, then ends the stream whether the handler likes it or not.</summary>
    public async Task FinishEarlyAsync(RpcStatus status)
    {
        if (await _gate.WaitAsync(Patience, CancellationToken.None).ConfigureAwait(false))
        {
            try
            {
                Close(status, []);
                if (!_http.RequestAborted.IsCancellationRequested)
                {
                    // Bounded, since a caller that does not read blocks it.
                    var complete = _http.Response.CompleteAsync();
                    await Task.WhenAny(complete, Task.Delay(Patience, CancellationToken.None)).ConfigureAwait(false);
                }
            }
            finally
            {
                _gate.Release();
            }
        }

        _http.Features.Get<IHttpResetFeature>()?.Reset(GrpcProtocol.NoError);
    }

    public void Dispose()
    {
        // Waits for callbacks that run now: the context they touch is used for another call afterwards.
        _aborted.Dispose();
        _stopping.Dispose();
        _cancelled.Dispose();
        _gate.Dispose();
    }

    private async Task EnterAsync()
    {
        await _gate.WaitAsync(Cancelled).ConfigureAwait(false);
        if (_closed)
        {
            _gate.Release();
            throw new OperationCanceledException("The call has ended.", Cancelled);
        }
    }

    private void Close(RpcStatus status, RpcMetadata trailers)
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        if (_http.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        Append(GrpcProtocol.StatusHeader, ((int)status.Code).ToString(CultureInfo.InvariantCulture));
        if (!string.IsNullOrEmpty(status.Detail))
        {
            Append(GrpcProtocol.MessageHeader, PercentEncoding.Encode(status.Detail));
        }

        foreach (var entry in trailers)
        {
            if (!GrpcProtocol.IsReserved(entry.Key))
            {
                Append(entry.Key, GrpcProtocol.HeaderValue(entry));
            }
        }
    }

    private void Append(string name, string value)
    {
        if (_written || _http.Response.HasStarted)
        {
            _http.Response.AppendTrailer(name, value);
        }
        else
        {
            _http.Response.Headers.Append(name, value);
        }
    }
}
