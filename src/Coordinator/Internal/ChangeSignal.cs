namespace OrtZero.Coordinator.Internal;

/// <summary>Lets any number of watchers wait for the next change. Safe for many threads.</summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource _next = New();

    /// <summary>Done at the first <see cref="Pulse"/> after it was asked for; ask before reading what is watched.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Pulse() => Interlocked.Exchange(ref _next, New()).SetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
