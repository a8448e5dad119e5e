using Microsoft.Extensions.Logging;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>The background work of a rank: registers, sends reports and signs of life, and comes back after every failure.</summary>
internal sealed class ReportLoop(
    string address, CoordinatorClientOptions options, ReportQueue queue, DirectiveBox directives, ILogger logger) : IDisposable
{
    private const int BatchSize = 64;

    private readonly RpcChannel _channel = RpcChannel.ForAddress(
        address, new RpcChannelOptions { ConnectTimeout = options.CallTimeout });

    private readonly TaskCompletionSource<RegistrationResult> _registration = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<FinishRequest> _finish = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private string _session = "";
    private bool _isRegistered;
    private bool _isAway;
    private int _failures;

    public Task<RegistrationResult> Registration => _registration.Task;

    public void Finish(RankOutcome outcome, string error)
    {
        _finish.TrySetResult(new FinishRequest { Outcome = outcome, Error = error });
        queue.News.Pulse();
    }

    public void Stop() => _stop.Cancel();

    public void Dispose()
    {
        _channel.Dispose();
        _stop.Dispose();
    }

    /// <summary>Never throws; ends when the run is finished, the rank is refused, or <see cref="Stop"/> was called.</summary>
    public async Task RunAsync(Training.RunDescription run)
    {
        try
        {
            while (!await StepAsync(run).ConfigureAwait(false))
            {
                // Asked for before looking, so that no report is missed between the two.
                var news = queue.News.Next;
                if (queue.Count == 0 && !_finish.Task.IsCompleted)
                {
                    await WaitAsync(news, options.HeartbeatInterval).ConfigureAwait(false);
                }
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // Stopped, as asked for: whatever was going on was cut off.
        }
        catch (Exception e)
        {
            ClientLog.Broken(logger, address, e);
        }

        _registration.TrySetResult(new RegistrationResult(RegistrationOutcome.Unreachable, "Reporting to the coordinator has ended."));
    }

    /// <summary>One exchange, with the wait after one that failed. True when there is nothing left to do.</summary>
    private async Task<bool> StepAsync(Training.RunDescription run)
    {
        // Known before the exchange, so that reports which came before the end are sent before it.
        var finish = _finish.Task.IsCompletedSuccessfully ? await _finish.Task.ConfigureAwait(false) : null;
        var isNewcomer = !_isRegistered;
        try
        {
            if (!_isRegistered)
            {
                await RegisterAsync(run).ConfigureAwait(false);
            }

            await SendAsync(run.Rank).ConfigureAwait(false);
            ComeBack();
            if (finish is null || queue.Count > 0)
            {
                return false;
            }

            finish.SessionId = _session;
            finish.Rank = run.Rank;
            finish.AcknowledgedDirective = directives.Taken;
            await _channel.AsyncUnaryCall(CoordinatorMethods.Finish, finish, Limits()).ResponseAsync.ConfigureAwait(false);
            return true;
        }
        catch (RpcException e) when (e.StatusCode is RpcStatusCode.FailedPrecondition or RpcStatusCode.InvalidArgument)
        {
            if (!_registration.TrySetResult(new RegistrationResult(RegistrationOutcome.Refused, e.Status.Detail)))
            {
                ClientLog.RefusedLate(logger, address, e.Status.Detail);
            }

            return true;
        }
        catch (RpcException e) when (e.StatusCode is RpcStatusCode.NotFound && !isNewcomer)
        {
            // Another life of the coordinator, which knows nothing of this rank.
            _isRegistered = false;
            return false;
        }
        catch (RpcException e) when (!_stop.IsCancellationRequested)
        {
            _isRegistered &= e.StatusCode is not RpcStatusCode.NotFound;
            if (finish is not null)
            {
                // Nobody waits for a second attempt.
                return true;
            }

            await BackOffAsync(e.Status).ConfigureAwait(false);
            return false;
        }
    }

    private async Task RegisterAsync(Training.RunDescription run)
    {
        var reply = await _channel.AsyncUnaryCall(CoordinatorMethods.Register, run.ToRequest(), Limits()).ResponseAsync.ConfigureAwait(false);
        if (reply.SessionId != _session)
        {
            _session = reply.SessionId;
            directives.StartSession();
        }

        _isRegistered = true;
        queue.RemoveThrough(reply.LastReportSequence);
        _registration.TrySetResult(new RegistrationResult(RegistrationOutcome.Accepted, ""));
    }

    private async Task SendAsync(int rank)
    {
        var request = new ReportRequest { SessionId = _session, Rank = rank, AcknowledgedDirective = directives.Taken };
        var last = queue.CopyTo(request, BatchSize);
        var reply = await _channel.AsyncUnaryCall(CoordinatorMethods.Report, request, Limits()).ResponseAsync.ConfigureAwait(false);
        queue.RemoveThrough(last);
        foreach (var directive in directives.Receive(reply.Directives))
        {
            ClientLog.DirectiveArrived(logger, directive.Kind, directive.RequestedBy);
        }
    }

    private void ComeBack()
    {
        _failures = 0;
        if (_isAway)
        {
            _isAway = false;
            ClientLog.Back(logger, address, queue.Dropped);
        }
    }

    private async Task BackOffAsync(RpcStatus status)
    {
        _registration.TrySetResult(new RegistrationResult(RegistrationOutcome.Unreachable, status.Detail));
        if (!_isAway)
        {
            _isAway = true;
            ClientLog.Away(logger, address, status.Detail);
        }

        var factor = Math.Pow(2, Math.Min(_failures++, 30)) * (0.5 + (0.5 * options.Jitter()));
        var wait = TimeSpan.FromTicks((long)Math.Min(options.InitialBackoff.Ticks * factor, options.MaxBackoff.Ticks));
        await WaitAsync(_finish.Task, wait).ConfigureAwait(false);
    }

    private async Task WaitAsync(Task news, TimeSpan atMost)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(news, Task.Delay(atMost, options.TimeProvider, over.Token)).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        _stop.Token.ThrowIfCancellationRequested();
    }

    private RpcCallOptions Limits() => RpcCallOptions.Within(options.CallTimeout, _stop.Token);
}
