using System.Net.Sockets;

namespace OrtZero.Coordinator.Internal;

/// <summary>What an exception of the HTTP client means for a call.</summary>
internal static class TransportErrors
{
    public static RpcStatus ToStatus(Exception exception, Uri address)
    {
        if (exception is RpcException known)
        {
            return known.Status;
        }

        if (exception is OperationCanceledException)
        {
            return new RpcStatus(RpcStatusCode.Cancelled, "The call was cancelled.", exception);
        }

        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case HttpProtocolException protocol:
                    return new RpcStatus(
                        GrpcProtocol.FromHttp2Error(protocol.ErrorCode),
                        $"{address.Authority} ended the stream or the connection: {protocol.Message}", exception);
                case SocketException socket:
                    return new RpcStatus(RpcStatusCode.Unavailable, $"{address.Authority} cannot be reached: {socket.Message}.", exception);
                default:
                    break;
            }
        }

        return exception is HttpRequestException or IOException
            ? new RpcStatus(RpcStatusCode.Unavailable, $"The connection to {address.Authority} failed: {exception.Message}", exception)
            : new RpcStatus(RpcStatusCode.Internal, $"The call failed: {exception.Message}", exception);
    }
}
