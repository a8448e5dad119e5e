namespace OrtZero.Training.Internal;

/// <summary>ExponentialLR, StepLR and MultiStepLR: the rate times gamma, so many times at step t.</summary>
internal sealed class GammaScheduler(SchedulerWindow window, RateTable table, double gamma, Func<long, int> timesAt)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        var times = timesAt(LastStep);
        if (times > 0)
        {
            Multiply(rates, times == 1 ? gamma : Math.Pow(gamma, times));
        }
    }
}
