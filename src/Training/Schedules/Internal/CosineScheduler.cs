namespace OrtZero.Training.Internal;

/// <summary>m + (x0 − m) · (1 + cos(π · t / T)) / 2; beyond T it rises again.</summary>
internal sealed class CosineScheduler(SchedulerWindow window, RateTable table, double period, LowestRate lowest)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        if (LastStep == 0)
        {
            return;
        }

        // At the bottom of a wave the recursive form would divide zero by zero; the first step up is written out.
        if ((LastStep - 1 - period) % (2 * period) == 0)
        {
            for (var group = 0; group < rates.Length; group++)
            {
                rates[group] += (Base[group] - lowest.Of(group, Base[group])) * (1 - Math.Cos(Math.PI / period)) / 2;
            }

            return;
        }

        var factor = (1 + Math.Cos(Math.PI * LastStep / period)) / (1 + Math.Cos(Math.PI * (LastStep - 1) / period));
        for (var group = 0; group < rates.Length; group++)
        {
            var minimum = lowest.Of(group, Base[group]);
            rates[group] = (factor * (rates[group] - minimum)) + minimum;
        }
    }
}
