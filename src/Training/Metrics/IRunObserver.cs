namespace OrtZero.Training;

/// <summary>
/// Hears of a run as it goes on and may steer it. The loop calls it from its own thread and waits, so an implementation hands
/// slow work to another thread; it must not throw, since whoever watches a run must not be able to end it by failing.
/// </summary>
public interface IRunObserver
{
    /// <summary>Training is about to begin.</summary>
    void Started(RunDescription run);

    /// <summary>
    /// An iteration ended on this rank, its update included. Called after every one, so it must be quick; does nothing unless
    /// implemented.
    /// </summary>
    /// <param name="iteration">Iterations done since the start of training, this one included.</param>
    /// <param name="loss">The loss of this rank's micro-batch.</param>
    void IterationEnded(long iteration, double loss)
    {
    }

    /// <summary>A phase of fine-tuning begins, or the run goes on in the middle of it; not called for runs without <c>phases</c>. Does
    /// nothing unless implemented.</summary>
    void PhaseBegan(PhaseDescription phase)
    {
    }

    /// <summary>A log interval ended.</summary>
    /// <returns>What the loop does next.</returns>
    StepDirective Report(MetricsRecord metrics);

    /// <summary>A validation ended.</summary>
    void Validated(ValidationRecord validation);

    /// <summary>Training ended, well or not.</summary>
    void Finished(RunSummary summary);
}
