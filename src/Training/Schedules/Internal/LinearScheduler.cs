namespace OrtZero.Training.Internal;

/// <summary>x0 · (s + (e − s) · t / (N − 1)), as a product of steps.</summary>
internal sealed class LinearScheduler(SchedulerWindow window, RateTable table, double startFactor, double endFactor)
    : StepScheduler(window, table)
{
    protected override void Update(double[] rates)
    {
        var total = Window.Length - 1;
        Multiply(rates, LastStep == 0
            ? startFactor
            : 1.0 + ((endFactor - startFactor) / ((total * startFactor) + ((LastStep - 1) * (endFactor - startFactor)))));
    }
}
