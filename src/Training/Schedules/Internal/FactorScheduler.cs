namespace OrtZero.Training.Internal;

/// <summary>Sets every group's value to its own times a factor of the step, as DeepSpeed and torchtitan do.</summary>
internal sealed class FactorScheduler(SchedulerWindow window, RateTable table, Func<long, double> factorAt)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        var factor = factorAt(LastStep);
        for (var group = 0; group < rates.Length; group++)
        {
            rates[group] = Base[group] * factor;
        }
    }
}
