namespace OrtZero.EndToEnd.Drills;

/// <summary>When a rank is killed.</summary>
internal enum KillPhase
{
    Training,
    Checkpointing,
    Resume,
}

/// <summary>One life of a run that ends with a kill.</summary>
/// <param name="Number">Its number, from 1.</param>
/// <param name="Phase">When the kill was to come.</param>
/// <param name="Ranks">The number of ranks.</param>
/// <param name="Stage">The ZeRO stage.</param>
/// <param name="Victim">The rank that was killed.</param>
/// <param name="LoadBegan">Whether it had begun to look for a checkpoint and to load it.</param>
/// <param name="ResumedAt">The update it went on from; null when it was killed before it had loaded anything.</param>
/// <param name="Reached">The last update it logged; null when there was none.</param>
/// <param name="LeftIncomplete">Whether it left a checkpoint that was not done.</param>
/// <param name="Complete">Complete checkpoints on the disk afterwards, whose every checksum was compared.</param>
/// <param name="ExitCode">What the launcher said.</param>
internal sealed record Kill(
    int Number, KillPhase Phase, int Ranks, int Stage, int Victim, bool LoadBegan, double? ResumedAt, double? Reached, bool LeftIncomplete, int Complete, int ExitCode);
