using Microsoft.Extensions.Logging;

namespace OrtZero.Training.Internal;

/// <summary>Hears of losses and gradients that are not finite; with <c>--debug</c> it looks for the operator they come from.</summary>
/// <param name="trainer">Runs micro-batches.</param>
/// <param name="plan">Where iterations are in the data.</param>
/// <param name="logger">Takes the findings.</param>
/// <param name="searches">Whether to search; needs a single process.</param>
internal sealed class NonFiniteWatch(Trainer trainer, IterationPlan plan, ILogger logger, bool searches)
{
    private bool _told;

    /// <summary>A micro-batch ran; its update is still to come.</summary>
    internal void AfterMicroBatch(long iteration, MicroBatchLoss loss)
    {
        if (double.IsFinite(loss.Sum) || _told)
        {
            return;
        }

        var value = loss.Sum.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (!searches)
        {
            _told = true;
            LoopLog.LossNotFinite(logger, iteration + 1, value);
            return;
        }

        if (trainer.FindNonFinite(iteration, plan.EpochOf(iteration), plan.PositionInEpoch(iteration)) is { } finding)
        {
            _told = true;
            LoopLog.LossOrigin(logger, iteration + 1, value, finding);
        }
    }

    /// <summary>An update is skipped, because its gradient is not finite; parameters are as its micro-batches found them.</summary>
    internal void BeforeSkip(long iteration)
    {
        if (!searches || _told)
        {
            return;
        }

        var (position, _) = plan.Accumulation(iteration);
        for (var micro = iteration - position; micro <= iteration && !_told; micro++)
        {
            if (trainer.FindNonFinite(micro, plan.EpochOf(micro), plan.PositionInEpoch(micro)) is { } finding)
            {
                _told = true;
                LoopLog.GradientOrigin(logger, micro + 1, finding);
            }
        }

        if (!_told)
        {
            _told = true;
            LoopLog.NoOrigin(logger, iteration + 1);
        }
    }
}
