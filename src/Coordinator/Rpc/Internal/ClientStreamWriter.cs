using Google.Protobuf;

namespace OrtZero.Coordinator.Internal;

/// <summary>The requests of a call.</summary>
internal sealed class ClientStreamWriter<TRequest, TResponse>(
    RpcCall<TRequest, TResponse> call, RequestStreamContent content, int? maxSize) : IRpcClientStreamWriter<TRequest>
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    public async Task WriteAsync(TRequest message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        call.ThrowIfEnded();
        await using var cancel = cancellationToken
            .UnsafeRegister(static state => ((RpcCall<TRequest, TResponse>)state!).Cancel(), call).ConfigureAwait(false);
        var frame = FrameWriter.ToBytes(message, maxSize);
        try
        {
            await content.WriteAsync(frame).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
            throw await call.ExplainWriteAsync(e).ConfigureAwait(false);
        }
    }

    public Task CompleteAsync() => content.CompleteAsync();
}
