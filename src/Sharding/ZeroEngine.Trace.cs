namespace OrtZero.Sharding;

/// <content>Where the engine records what it does when.</content>
public sealed partial class ZeroEngine
{
    /// <summary>Where reductions, gathers and waits are recorded; null: nowhere. Set it between updates.</summary>
    public StepTrace? Trace
    {
        get;
        set
        {
            field = value;
            _gradients.Trace = value;
            foreach (var gatherer in _gatherers)
            {
                gatherer.Trace = value;
            }
        }
    }
}
