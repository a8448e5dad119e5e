namespace OrtZero.Training.Internal;

/// <summary>x0 · factor, restored at the last step of the window.</summary>
internal sealed class ConstantScheduler(SchedulerWindow window, RateTable table, double factor)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        if (LastStep == 0)
        {
            Multiply(rates, factor);
        }
        else if (LastStep == Window.Length - 1)
        {
            Multiply(rates, 1.0 / factor);
        }
    }
}
