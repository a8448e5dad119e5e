using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>A way to show a run to people or programs.</summary>
internal interface IStatusView
{
    /// <summary>Shows the run once.</summary>
    void Show(RunStatus status);

    /// <summary>Shows every status until the run has ended, and gives its last state.</summary>
    async Task<RunState> WatchAsync(IAsyncEnumerable<RunStatus> statuses)
    {
        var state = RunState.NoRun;
        await foreach (var status in statuses.ConfigureAwait(false))
        {
            Show(status);
            state = status.State;
            if (StatusText.HasEnded(status))
            {
                break;
            }
        }

        return state;
    }
}
