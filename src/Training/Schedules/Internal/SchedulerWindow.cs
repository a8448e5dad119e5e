using System.Globalization;

namespace OrtZero.Training.Internal;

/// <summary>When a scheduler acts, in its own steps.</summary>
/// <param name="Place">How errors and warnings call it.</param>
/// <param name="Type">Which schedule.</param>
/// <param name="ByEpoch">Whether a step is an epoch.</param>
/// <param name="Begin">The first step.</param>
/// <param name="End">The step after the last.</param>
/// <param name="Scale">What lengths given in the configuration are multiplied by.</param>
/// <param name="RunSteps">Steps of the whole run.</param>
internal sealed record SchedulerWindow(string Place, SchedulerKind Type, bool ByEpoch, double Begin, double End, int Scale, double RunSteps)
{
    /// <summary>N of the formulas.</summary>
    public double Length => End - Begin;

    /// <summary>Steps the scheduler takes inside its window before the run is over.</summary>
    public double StepsTaken => Math.Max(0, Math.Min(Math.Ceiling(End), RunSteps) - Math.Ceiling(Begin));

    public static SchedulerWindow Of(SchedulerOptions options, int index, RunLength run)
    {
        var place = $"param_scheduler[{index}] ({options.Type})";
        if (options.ConvertToIterBased && !options.ByEpoch)
        {
            throw new ScheduleException($"{place} has convert_to_iter_based but by_epoch false: remove one, its lengths are iterations already.");
        }

        var end = options.End ?? (options.ByEpoch ? run.Epochs : run.Iterations);
        var window = options.ConvertToIterBased
            ? new SchedulerWindow(
                place, options.Type, false, Math.Truncate(options.Begin * run.EpochLength), Math.Truncate(end * run.EpochLength), run.EpochLength, run.Iterations)
            : new SchedulerWindow(
                place, options.Type, options.ByEpoch, options.Begin, end, 1, options.ByEpoch ? Math.Ceiling((double)run.Iterations / run.EpochLength) : run.Iterations);
        if (window.End > window.Begin)
        {
            return window;
        }

        var given = $"begin {Text(options.Begin)} and end {Text(end)}";
        throw new ScheduleException(options.ConvertToIterBased && end > options.Begin
            ? $"{place} has no iteration between {given}, because an epoch has only {run.EpochLength} iterations: raise end to at least {Text(Math.Ceiling((window.Begin + 1) / run.EpochLength * 1000) / 1000)} or remove this scheduler."
            : $"{place} ends before it begins ({given}): end must be greater than begin.");
    }

    /// <summary>The iteration of the run at which the window ends.</summary>
    public double EndIteration(RunLength run) => ByEpoch ? Math.Ceiling(End) * run.EpochLength : End;

    /// <summary>The first iteration of the run in the window.</summary>
    public double BeginIteration(RunLength run) => ByEpoch ? Math.Ceiling(Begin) * run.EpochLength : Begin;

    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
