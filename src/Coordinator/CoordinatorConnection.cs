using System.Runtime.CompilerServices;
using OrtZero.Coordinator.Internal;
using OrtZero.Coordinator.Protocol;
using OrtZero.Training;

namespace OrtZero.Coordinator;

/// <summary>An operator's side of the coordinator: looks at the run and asks for checkpoints or its end.</summary>
public sealed class CoordinatorConnection : IDisposable
{
    // A full history of a run with many parameter groups is far above the usual 4 MiB.
    private const int LargestStatus = 256 * 1024 * 1024;

    private readonly RpcChannel _channel;
    private readonly TimeSpan _timeout;

    /// <summary>A connection that opens with the first call.</summary>
    /// <param name="address">The coordinator: "host:port".</param>
    /// <param name="timeout">How long one call may take; default 5 s.</param>
    /// <exception cref="ArgumentException">The text is no address.</exception>
    public CoordinatorConnection(string address, TimeSpan? timeout = null)
    {
        _timeout = timeout ?? TimeSpan.FromSeconds(5);
        _channel = RpcChannel.ForAddress(address, new RpcChannelOptions
        {
            ConnectTimeout = _timeout,
            MaxReceiveMessageSize = LargestStatus,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        });
    }

    /// <summary>The run now, with at most that many intervals of its history (-1 for all).</summary>
    /// <exception cref="RpcException">The coordinator cannot be reached.</exception>
    public Task<RunStatus> GetStatusAsync(int historyLimit = 0, CancellationToken cancellationToken = default) => _channel
        .AsyncUnaryCall(CoordinatorMethods.GetStatus, new GetStatusRequest { HistoryLimit = historyLimit }, Limits(cancellationToken)).ResponseAsync;

    /// <summary>The run now and after every change, for as long as it is read.</summary>
    /// <exception cref="RpcException">The coordinator cannot be reached or was shut down.</exception>
    public async IAsyncEnumerable<RunStatus> WatchAsync(
        int historyLimit = 0,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _channel.AsyncServerStreamingCall(
            CoordinatorMethods.Watch, new WatchRequest { HistoryLimit = historyLimit }, new RpcCallOptions(CancellationToken: cancellationToken));
        await foreach (var status in call.ResponseStream.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return status;
        }
    }

    /// <summary>Asks the run for a checkpoint or to stop after one; gives the number of the request.</summary>
    /// <param name="directive">What is asked for.</param>
    /// <param name="requestedBy">Who asks, for display.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="RpcException">The coordinator cannot be reached, or nothing runs (FAILED_PRECONDITION).</exception>
    public async Task<long> RequestAsync(StepDirective directive, string requestedBy = "", CancellationToken cancellationToken = default)
    {
        var request = new DirectiveRequest
        {
            Kind = directive switch
            {
                StepDirective.Checkpoint => DirectiveKind.Checkpoint,
                StepDirective.Stop => DirectiveKind.Stop,
                _ => throw new ArgumentOutOfRangeException(nameof(directive), directive, "Only a checkpoint or a stop can be asked for."),
            },
            RequestedBy = requestedBy,
        };
        var reply = await _channel.AsyncUnaryCall(CoordinatorMethods.Directive, request, Limits(cancellationToken)).ResponseAsync.ConfigureAwait(false);
        return reply.Sequence;
    }

    /// <summary>Closes the connection.</summary>
    public void Dispose() => _channel.Dispose();

    private RpcCallOptions Limits(CancellationToken cancellationToken) => RpcCallOptions.Within(_timeout, cancellationToken);
}
