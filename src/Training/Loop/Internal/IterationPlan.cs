namespace OrtZero.Training.Internal;

/// <summary>
/// How many iterations a run has and what falls on which of them. An iteration is one micro-batch on every rank, counted
/// from 0 over the whole run; epochs and accumulations are counted from the run's first iteration too.
/// </summary>
internal sealed class IterationPlan
{
    private readonly int _accumulativeCounts;
    private readonly long _validationInterval;

    private IterationPlan(long total, int perEpoch, int accumulativeCounts, long validationInterval)
    {
        TotalIterations = total;
        IterationsPerEpoch = perEpoch;
        _accumulativeCounts = accumulativeCounts;
        _validationInterval = validationInterval;
    }

    internal long TotalIterations { get; }

    internal int IterationsPerEpoch { get; }

    internal static IterationPlan Of(TrainingConfiguration configuration, int iterationsPerEpoch, long? maxIterations)
    {
        var loop = configuration.TrainCfg;
        var total = loop.MaxIters ?? ((long)loop.MaxEpochs!.Value * iterationsPerEpoch);
        var interval = loop.MaxIters is null ? (long)loop.EffectiveValInterval * iterationsPerEpoch : loop.EffectiveValInterval;
        return new IterationPlan(
            Math.Min(total, maxIterations ?? long.MaxValue), iterationsPerEpoch, configuration.OptimWrapper.AccumulativeCounts, interval);
    }

    /// <summary>The epoch an iteration belongs to; the first is 0.</summary>
    internal int EpochOf(long iteration) => (int)(iteration / IterationsPerEpoch);

    /// <summary>An iteration's place in its epoch.</summary>
    internal int PositionInEpoch(long iteration) => (int)(iteration % IterationsPerEpoch);

    /// <summary>Whether an epoch ends once so many iterations are done.</summary>
    internal bool EndsEpoch(long done) => done % IterationsPerEpoch == 0;

    /// <summary>Whether a validation is due once so many iterations are done; the end of the run always is one.</summary>
    internal bool ValidatesAfter(long done) => done == TotalIterations || done % _validationInterval == 0;

    /// <summary>Whether the update that an iteration ends is the last one before a line is logged.</summary>
    /// <param name="iteration">The last iteration of an update.</param>
    /// <param name="interval">Iterations from one line to the next.</param>
    internal bool IsLoggedAfter(long iteration, int interval)
    {
        var done = iteration + 1;
        var line = Math.Min(TotalIterations, (done + interval - 1) / interval * interval);
        return done == TotalIterations || line < Math.Min(TotalIterations, done + _accumulativeCounts);
    }

    /// <summary>The first iteration of the update an iteration is part of.</summary>
    internal long BeginOfUpdate(long iteration) => iteration - (iteration % _accumulativeCounts);

    /// <summary>
    /// An iteration's place in its accumulation and how many micro-batches that accumulation has: as MMEngine's OptimWrapper,
    /// the last one of a run has what is left.
    /// </summary>
    internal (int Position, int Counts) Accumulation(long iteration)
    {
        var position = (int)(iteration % _accumulativeCounts);
        return (position, (int)Math.Min(_accumulativeCounts, TotalIterations - (iteration - position)));
    }
}
