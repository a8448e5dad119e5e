namespace OrtZero.Training.Internal;

/// <summary>A cosine wave per period, each from its weight times the initial rate; after the last the rate stays.</summary>
internal sealed class CosineRestartScheduler(
    SchedulerWindow window, RateTable table, double[] periods, double[] weights, LowestRate lowest)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        var restart = 0.0;
        var index = 0;
        while (index < periods.Length && LastStep >= restart + periods[index])
        {
            restart += periods[index++];
        }

        if (index == periods.Length)
        {
            return;
        }

        var step = LastStep - restart;
        var factor = (1 + Math.Cos(Math.PI * step / periods[index])) / (1 + Math.Cos(Math.PI * (step - 1) / periods[index]));
        for (var group = 0; group < rates.Length; group++)
        {
            var minimum = lowest.Of(group, Base[group]);
            rates[group] = step == 0 ? Base[group] * weights[index] : (factor * (rates[group] - minimum)) + minimum;
        }
    }
}
