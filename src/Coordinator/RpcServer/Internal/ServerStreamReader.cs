using Google.Protobuf;

namespace OrtZero.Coordinator.Internal;

/// <summary>The requests of a call as its handler sees them.</summary>
internal sealed class ServerStreamReader<T>(FrameReader reader, MessageParser<T> parser, ServerTransport transport) : IRpcStreamReader<T>
    where T : class, IMessage<T>
{
    private T? _current;

    public T Current => _current ?? throw new InvalidOperationException("There is no message: call MoveNext first.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            _current = await reader.ReadAsync(parser, transport.Cancelled).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            // How Kestrel reports that the caller reset the stream, before RequestAborted fires. Converted here and nowhere else,
            // since handlers may throw an IOException of their own.
            transport.Cancel(RpcStatusCode.Cancelled, "The caller gave up.");
            throw new OperationCanceledException("The caller gave up.", e, transport.Cancelled);
        }

        return _current is not null;
    }

    /// <summary>The one request of a unary or server streaming call.</summary>
    public async Task<T> SingleAsync()
    {
        if (!await MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            throw new RpcException(RpcStatusCode.Internal, "The call has no request message.");
        }

        var request = Current;
        return await MoveNext(CancellationToken.None).ConfigureAwait(false)
            ? throw new RpcException(RpcStatusCode.Internal, "The call has more than one request message.")
            : request;
    }
}
