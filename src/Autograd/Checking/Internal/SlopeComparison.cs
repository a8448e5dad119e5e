namespace OrtZero.Autograd.Internal;

/// <summary>Compares gradients with slopes of the loss.</summary>
internal sealed class SlopeComparison
{
    private readonly ForwardFunction _function;
    private readonly bool _isDouble;
    private readonly double _tolerance;
    private readonly double _rounding;

    public SlopeComparison(ForwardFunction function, bool isDouble, double tolerance)
    {
        _function = function;
        _isDouble = isDouble;
        _tolerance = tolerance;
        (Loss, Magnitude) = function.Evaluate();
        if (!double.IsFinite(Loss))
        {
            throw new GradientException("The outputs of the model are not all finite on these inputs, so they have no slopes: give other inputs.");
        }

        // What the last bits of the outputs, which are independent of each other, are likely to make of the sum.
        _rounding = (isDouble ? 1.2e-16 : 6e-8) * Magnitude;
    }

    /// <summary>The loss at the parameters as they are.</summary>
    public double Loss { get; }

    /// <summary>The Euclidean norm of the terms of the loss.</summary>
    public double Magnitude { get; }

    /// <summary>One parameter along a random direction and in some elements.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="gradient">Its gradient from the training graph.</param>
    /// <param name="samples">The number of elements; all of them if there are no more.</param>
    /// <param name="random">Chooses them.</param>
    /// <param name="whole">The norm of the gradients of all parameters: what is far smaller is zero for all that training sees.</param>
    public Outcome Compare(string name, double[] gradient, int samples, Random random, double whole)
    {
        var parameter = _function.Parameter(name);
        if (gradient.Length != parameter.Count)
        {
            return new Outcome(0, 0, double.PositiveInfinity, $"the gradient has {gradient.Length} elements, the parameter {parameter.Count}");
        }

        var norm = Math.Sqrt(gradient.Sum(value => value * value));
        var largest = gradient.Select(Math.Abs).DefaultIfEmpty(0).Max();
        var floor = (_isDouble ? 1e-6 : 1e-3) * whole;
        var outcome = new Outcome(0, 0, 0, null);
        if (parameter.Count > 1)
        {
            var direction = new sbyte[parameter.Count];
            for (var i = 0; i < direction.Length; i++)
            {
                direction[i] = (sbyte)(random.Next(2) == 0 ? -1 : 1);
            }

            var slope = gradient.Zip(direction).Sum(pair => pair.First * pair.Second);
            Judge("along a random direction", slope, Math.Max(norm, floor), FirstStep(parameter.Size), step => (parameter.Along(direction, step), step));
        }

        var elements = parameter.Count <= Math.Max(1, samples) ? Enumerable.Range(0, parameter.Count) : Pick(parameter.Count, samples, random);
        foreach (var i in elements)
        {
            // An element far larger than the others of its parameter needs longer steps, a far smaller one shorter ones.
            var size = Math.Max(Math.Abs(parameter[i]), 0.1 * parameter.Size);
            Judge($"in element {i}", gradient[i], Math.Max(largest, floor / Math.Sqrt(parameter.Count)), FirstStep(size), step => parameter.At(i, step));
        }

        return outcome;

        void Judge(string where, double slope, double scale, double firstStep, Func<double, (double Value, double Step)> function)
        {
            var allowed = _tolerance * scale;
            var estimate = SlopeEstimate.Of(function, firstStep, _rounding, 0.01 * allowed);
            var difference = Math.Abs(estimate.Slope - slope);

            // In float32 the estimate is only so good; in float64 a bad estimate is a kink nearby or nothing at all.
            var granted = allowed + (_isDouble ? Math.Min(estimate.Error, 10 * allowed) : Math.Min(estimate.Error, 20 * allowed)) + (_rounding / firstStep);
            var isKink = false;
            if (!(difference <= granted))
            {
                isKink = IsKink(function, slope, firstStep, allowed);
            }

            outcome = outcome with { Probes = outcome.Probes + 1, Kinks = outcome.Kinks + (isKink ? 1 : 0) };
            if (difference <= granted || isKink)
            {
                if (!isKink)
                {
                    outcome = outcome with { Deviation = Math.Max(outcome.Deviation, scale == 0 ? 0 : difference / scale) };
                }

                return;
            }

            var deviation = scale == 0 ? difference : difference / scale;
            if (outcome.Finding is null || !(deviation <= outcome.Deviation))
            {
                outcome = outcome with
                {
                    Deviation = double.IsNaN(deviation) ? double.PositiveInfinity : deviation,
                    Finding = FormattableString.Invariant(
                        $"{where} the gradient is {slope:g6} and the finite difference {estimate.Slope:g6} (uncertain by {estimate.Error:g2})"),
                };
            }
        }
    }

    private static IEnumerable<int> Pick(int count, int samples, Random random)
    {
        var picked = new HashSet<int>();
        while (picked.Count < samples)
        {
            picked.Add(random.Next(count));
        }

        return picked.Order();
    }

    private double FirstStep(double size) => (_isDouble ? 0.02 : 0.06) * (size > 1e-6 ? size : 1);

    /// <summary>
    /// Whether the slopes to the left and to the right differ, and the given one lies between them. Curvature makes them differ too, but
    /// by half as much at half the step.
    /// </summary>
    private bool IsKink(Func<double, (double Value, double Step)> function, double slope, double firstStep, double allowed)
    {
        for (var step = firstStep / 8; step >= firstStep / (_isDouble ? 1 << 18 : 1 << 7); step /= 4)
        {
            var (left, right) = Slopes(step);
            var (nearLeft, nearRight) = Slopes(step / 2);
            var jump = Math.Abs(right - left);
            var slack = allowed + (4 * _rounding / step);
            if (jump > 4 * slack && Math.Abs(nearRight - nearLeft) > 0.75 * jump
                && slope >= Math.Min(nearLeft, nearRight) - slack && slope <= Math.Max(nearLeft, nearRight) + slack)
            {
                return true;
            }
        }

        return false;

        (double Left, double Right) Slopes(double step)
        {
            var (above, up) = function(step);
            var (below, down) = function(-step);
            return ((Loss - below) / -down, (above - Loss) / up);
        }
    }

    /// <summary>What was found for one parameter.</summary>
    public readonly record struct Outcome(int Probes, int Kinks, double Deviation, string? Finding);
}
