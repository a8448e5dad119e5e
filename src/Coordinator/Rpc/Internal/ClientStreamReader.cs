using Google.Protobuf;

namespace OrtZero.Coordinator.Internal;

/// <summary>The responses of a call.</summary>
internal sealed class ClientStreamReader<TRequest, TResponse>(RpcCall<TRequest, TResponse> call) : IRpcStreamReader<TResponse>
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    private TResponse? _current;
    private int _reading;

    public TResponse Current => _current ?? throw new InvalidOperationException("There is no message: call MoveNext first.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _reading, 1) == 1)
        {
            throw new InvalidOperationException("The previous MoveNext has not finished.");
        }

        try
        {
            await using var cancel = cancellationToken
                .UnsafeRegister(static state => ((RpcCall<TRequest, TResponse>)state!).Cancel(), call).ConfigureAwait(false);
            _current = await call.ReadAsync().ConfigureAwait(false);
            return _current is not null;
        }
        finally
        {
            Volatile.Write(ref _reading, 0);
        }
    }
}
