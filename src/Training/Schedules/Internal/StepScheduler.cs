namespace OrtZero.Training.Internal;

/// <summary>
/// A scheduler as MMEngine's _ParamScheduler: it counts every step, and inside its window turns the current rates into the
/// next ones. The recursive forms below are written in MMEngine's order of operations, so that they round alike.
/// </summary>
internal abstract class StepScheduler(SchedulerWindow window, RateTable table)
{
    public SchedulerKind Kind { get; } = window.Type;

    public bool ByEpoch { get; } = window.ByEpoch;

    protected SchedulerWindow Window { get; } = window;

    /// <summary>Each group's value before any schedule.</summary>
    protected double[] Base { get; } = [.. table.Initial];

    /// <summary>Steps in all.</summary>
    protected long GlobalStep { get; set; } = -1;

    /// <summary>Steps inside the window: t of the formulas.</summary>
    protected long LastStep { get; set; } = -1;

    protected bool IsInWindow => Window.Begin <= GlobalStep && GlobalStep < Window.End;

    public virtual void Step(RateTable rates)
    {
        GlobalStep++;
        if (IsInWindow)
        {
            LastStep++;
            Update(rates.Current);
        }
    }

    public virtual SchedulerState SaveState() => new() { Type = Kind, GlobalStep = GlobalStep, LastStep = LastStep };

    public virtual void LoadState(SchedulerState state)
    {
        GlobalStep = state.GlobalStep;
        LastStep = state.LastStep;
    }

    /// <summary>Turns the rates of step <see cref="LastStep"/> - 1 into those of step <see cref="LastStep"/>.</summary>
    protected abstract void Update(double[] rates);

    protected static void Multiply(double[] rates, double factor)
    {
        for (var group = 0; group < rates.Length; group++)
        {
            rates[group] *= factor;
        }
    }
}
