using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Coordinator.Internal;
using OrtZero.Training;

namespace OrtZero.Coordinator;

/// <summary>
/// A rank's side of the coordinator. No method throws because of the coordinator or waits for it, except
/// <see cref="RegisterAsync"/> (one attempt) and <see cref="Finished"/> (up to <see cref="CoordinatorClientOptions.FinishTimeout"/>).
/// When the coordinator is away there is one warning, reports are kept, and one message says that it is back.
/// </summary>
public sealed class CoordinatorClient : IRunObserver, IAsyncDisposable
{
    private readonly CoordinatorClientOptions _options;
    private readonly DirectiveBox _directives = new();
    private readonly ReportQueue _queue;
    private readonly ReportLoop _loop;
    private Task? _running;
    private bool _isDisposed;
    private long _sequence;

    /// <summary>A client that has not spoken yet.</summary>
    /// <param name="address">The coordinator: "host:port".</param>
    /// <param name="options">Waits and limits; null for the defaults.</param>
    /// <param name="logger">Where the warning goes; null for nowhere.</param>
    /// <exception cref="ArgumentException">The text is no address.</exception>
    public CoordinatorClient(string address, CoordinatorClientOptions? options = null, ILogger? logger = null)
    {
        _options = options ?? new CoordinatorClientOptions();
        _queue = new ReportQueue(_options.QueueCapacity);
        _loop = new ReportLoop(address, _options, _queue, _directives, logger ?? NullLogger.Instance);
    }

    /// <summary>What came of the first attempt to register; done once it is known.</summary>
    public Task<RegistrationResult> Registration => _loop.Registration;

    /// <summary>Registers this rank and goes on in the background. A refused rank must stop; all others train.</summary>
    /// <param name="run">What this rank is about to train.</param>
    /// <param name="cancellationToken">Ends the wait, not the registration.</param>
    public Task<RegistrationResult> RegisterAsync(RunDescription run, CancellationToken cancellationToken = default)
    {
        Started(run);
        return Registration.WaitAsync(cancellationToken);
    }

    /// <summary>Begins to register if <see cref="RegisterAsync"/> did not.</summary>
    public void Started(RunDescription run)
    {
        ArgumentNullException.ThrowIfNull(run);
        _running ??= Task.Run(() => _loop.RunAsync(run));
    }

    /// <summary>Queues the record and gives what an operator has asked for since the last call; each request once.</summary>
    public StepDirective Report(MetricsRecord metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        _queue.Add(metrics.ToMessage(++_sequence));
        return TakeDirective();
    }

    /// <summary>
    /// What an operator has asked for since the last call, for loops that look more often than they report. Only rank 0 is told;
    /// it tells the others.
    /// </summary>
    public StepDirective TakeDirective() => _directives.Take();

    /// <summary>Queues the record.</summary>
    public void Validated(ValidationRecord validation)
    {
        ArgumentNullException.ThrowIfNull(validation);
        _queue.Add(validation.ToMessage(++_sequence));
    }

    /// <summary>Sends what is left and how the run ended, and waits for it a little.</summary>
    public void Finished(RunSummary summary)
    {
        ArgumentNullException.ThrowIfNull(summary);
        _loop.Finish(summary.Outcome.ToMessage(), summary.Error ?? "");
        _running?.Wait(_options.FinishTimeout);
    }

    /// <summary>Ends the background work at once.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _loop.Stop();
        if (_running is not null)
        {
            await _running.ConfigureAwait(false);
        }

        _loop.Dispose();
    }
}
