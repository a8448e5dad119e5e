using System.Net;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// A request body that is written while the call goes on. Returning from <see cref="SerializeToStreamAsync(Stream, TransportContext?, CancellationToken)"/>
/// sends END_STREAM and throwing sends RST_STREAM, so neither may happen while a write is in flight: one gate guards both.
/// A DATA frame after RST makes Kestrel close the whole connection.
/// </summary>
internal sealed class RequestStreamContent : HttpContent
{
    private readonly CancellationTokenSource _writing = new();
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="call">Cancelled when the call ends in any way.</param>
    public RequestStreamContent(CancellationToken call)
    {
        call.UnsafeRegister(static state => ((RequestStreamContent)state!).Abort(), this);
        Headers.TryAddWithoutValidation("Content-Type", GrpcProtocol.ContentType);
    }

    /// <exception cref="OperationCanceledException">The call has ended, or the server does not read on.</exception>
    /// <exception cref="InvalidOperationException">The stream was completed.</exception>
    public async Task WriteAsync(byte[] frame)
    {
        // One token for all writes: a token per write would tear a frame.
        var token = _writing.Token;
        var stream = await _opened.Task.WaitAsync(token).ConfigureAwait(false);
        await _gate.WaitAsync(token).ConfigureAwait(false);
        try
        {
            token.ThrowIfCancellationRequested();
            if (_ended.Task.IsCompleted)
            {
                throw new InvalidOperationException("No message can be written after the request stream was completed.");
            }

            await stream.WriteAsync(frame, token).ConfigureAwait(false);
            await stream.FlushAsync(token).ConfigureAwait(false);
        }
        catch (ObjectDisposedException e)
        {
            // The transport's way to say that the stream has ended; an InvalidOperationException by type.
            throw new OperationCanceledException("The call has ended.", e, token);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task CompleteAsync()
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            _ended.TrySetResult();
        }
        finally
        {
            _gate.Release();
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // A writer that flow control blocks must be freed, too. The response is left alone: it may hold the server's status.
        await using var abort = cancellationToken
            .UnsafeRegister(static state => ((RequestStreamContent)state!).Abort(), this).ConfigureAwait(false);
        try
        {
            // HEADERS must leave before the first message, or a server that speaks first waits for ever.
            await stream.FlushAsync(_writing.Token).ConfigureAwait(false);
            _opened.TrySetResult(stream);
            await _ended.Task.ConfigureAwait(false);
        }
        finally
        {
            await _gate.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            _ended.TrySetCanceled(CancellationToken.None);
            _gate.Release();
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        // Gate and token source stay: writers may still hold them, and neither owns a handle unless its wait handle is asked for.
        Abort();
        base.Dispose(disposing);
    }

    private void Abort()
    {
        _writing.Cancel();
        _ended.TrySetCanceled();
    }
}
