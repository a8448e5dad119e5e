namespace OrtZero.Sharding;

/// <summary>What one rank needs at one ZeRO stage, found without training.</summary>
/// <param name="Stage">The stage, 0 to 3.</param>
/// <param name="ModelState">Parameters, gradients and optimizer state.</param>
/// <param name="BufferBytes">Buckets on their way, and parameters gathered ahead.</param>
/// <param name="ActivationBytes">The most that values between the graph's nodes take at one time, if each is freed after its last use
/// and the nodes run in the order they are listed in; at stage 3 with the parameters gathered then.</param>
/// <param name="SentBytes">Bytes a rank sends in one update.</param>
public sealed record StageForecast(int Stage, ModelStateMemory ModelState, long BufferBytes, long ActivationBytes, long SentBytes)
{
    /// <summary>The part of <see cref="ActivationBytes"/> that may be gathered parameters, at stage 3.</summary>
    public long GatheredBytes { get; init; }

    /// <summary>The copy from which checkpoints are written while training goes on, on the rank that copies most; 0 where none is made.</summary>
    public long CheckpointBytes { get; init; }

    /// <summary>All of a rank's memory but for what the process itself takes.</summary>
    public long TotalBytes => ModelState.Total + BufferBytes + ActivationBytes + CheckpointBytes;
}
