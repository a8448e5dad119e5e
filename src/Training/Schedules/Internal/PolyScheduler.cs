namespace OrtZero.Training.Internal;

/// <summary>m + (x0 − m) · (1 − t / (N − 1))^p.</summary>
internal sealed class PolyScheduler(SchedulerWindow window, RateTable table, LowestRate lowest, double power)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        if (LastStep == 0)
        {
            return;
        }

        var factor = Math.Pow(1 - (1 / (Window.Length - 1 - LastStep + 1)), power);
        for (var group = 0; group < rates.Length; group++)
        {
            var minimum = lowest.Of(group, Base[group]);
            rates[group] = ((rates[group] - minimum) * factor) + minimum;
        }
    }
}
