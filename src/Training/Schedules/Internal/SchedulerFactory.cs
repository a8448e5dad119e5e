namespace OrtZero.Training.Internal;

/// <summary>Builds schedulers from options, with MMEngine's defaults and an error for every value that cannot work.</summary>
internal static class SchedulerFactory
{
    public static StepScheduler Create(SchedulerOptions options, SchedulerWindow window, RateTable table)
    {
        UnusedKeys.Check(options, window);
        foreach (var (key, value) in new[] { ("eta_min", options.EtaMin), ("eta_max", options.EtaMax), ("min_value", options.MinValue) })
        {
            if (value is { IsList: true } && value.Values.Count != table.Current.Length)
            {
                throw new ScheduleException(
                    $"{window.Place} lists {value.Values.Count} numbers as {key}, but there are {table.Current.Length} groups: give one number for each group of rankworker groups, or one for all.");
            }
        }

        var scheduler = Build(options, window, table);

        // ReduceOnPlateauLR takes this step as its starting point; the others set the rate of the first iteration.
        scheduler.Step(table);
        return scheduler;
    }

    private static StepScheduler Build(SchedulerOptions options, SchedulerWindow window, RateTable table)
    {
        switch (SchedulerNames.Curve(options.Type))
        {
            case SchedulerKind.LinearLR:
                return new LinearScheduler(window, table, NotZero(options.StartFactor ?? 1.0 / 3, "start_factor", window), options.EndFactor ?? 1);
            case SchedulerKind.ConstantLR:
                return new ConstantScheduler(window, table, NotZero(options.Factor ?? 1.0 / 3, "factor", window));
            case SchedulerKind.ExponentialLR:
                return new GammaScheduler(window, table, Required(options.Gamma, "gamma", "0.9", window), step => step == 0 ? 0 : 1);
            case SchedulerKind.StepLR:
                var size = Required(options.StepSize, "step_size", "10", window) * window.Scale;
                return new GammaScheduler(window, table, options.Gamma ?? 0.1, step => step > 0 && step % size == 0 ? 1 : 0);
            case SchedulerKind.MultiStepLR:
                var milestones = Required(options.Milestones, "milestones", "[8, 11]", window).Select(milestone => milestone * window.Scale).ToArray();
                return new GammaScheduler(window, table, options.Gamma ?? 0.1, step => milestones.AsSpan().Count(step));
            case SchedulerKind.CosineAnnealingLR:
                return new CosineScheduler(window, table, options.TMax * window.Scale ?? window.Length, Lowest(options, window));
            case SchedulerKind.CosineRestartLR:
                return Restart(options, window, table);
            case SchedulerKind.PolyLR:
                if (window.Begin != Math.Truncate(window.Begin) || window.End != Math.Truncate(window.End))
                {
                    throw new ScheduleException($"{window.Place} needs whole numbers as begin and end: round them or set convert_to_iter_based.");
                }

                return new PolyScheduler(window, table, Lowest(options, window), options.Power ?? 1);
            case SchedulerKind.OneCycleLR:
                return OneCycle(options, window, table);
            case SchedulerKind.ReduceOnPlateauLR when !window.ByEpoch:
                throw new ScheduleException($"{window.Place} works by epochs only: remove by_epoch false or convert_to_iter_based.");
            case SchedulerKind.ReduceOnPlateauLR when options.Factor >= 1:
                throw new ScheduleException($"{window.Place} has the factor {SchedulerWindow.Text(options.Factor.Value)}, which reduces nothing: it must be below 1, for example 0.1.");
            case SchedulerKind.ReduceOnPlateauLR:
                return new PlateauScheduler(window, table, options);
            case SchedulerKind.WarmupLR or SchedulerKind.WarmupDecayLR or SchedulerKind.WarmupCosineLR:
                return new FactorScheduler(window, table, FactorFormulas.Warmup(options, window));
            case SchedulerKind.WSD:
                Required(options.DecaySteps, "decay_steps", "1000", window);
                return new FactorScheduler(window, table, FactorFormulas.WarmupStableDecay(options, window));
            default:
                throw new ScheduleException($"{window.Place} is of no known type: use one of {string.Join(", ", Enum.GetNames<SchedulerKind>())}.");
        }
    }

    private static CosineRestartScheduler Restart(SchedulerOptions options, SchedulerWindow window, RateTable table)
    {
        var periods = Required(options.Periods, "periods", "[10, 20]", window).Select(period => period * window.Scale).ToArray();
        var weights = options.RestartWeights?.ToArray() ?? [1.0];
        if (options.EtaMin is null && options.EtaMinRatio is null)
        {
            throw new ScheduleException($"{window.Place} needs eta_min or eta_min_ratio, for example \"eta_min\": 0.");
        }

        return periods.Length == weights.Length
            ? new CosineRestartScheduler(window, table, periods, weights, Lowest(options, window))
            : throw new ScheduleException(
                $"{window.Place} has {periods.Length} periods but {weights.Length} restart_weights: give one weight for each period.");
    }

    private static OneCycleScheduler OneCycle(SchedulerOptions options, SchedulerWindow window, RateTable table)
    {
        if (options.EtaMax is null)
        {
            throw Missing("eta_max", "0.01", window);
        }

        var total = options.TotalSteps * window.Scale ?? window.Length;
        if (window.StepsTaken - 1 > total)
        {
            throw new ScheduleException(
                $"{window.Place} has a cycle of {SchedulerWindow.Text(total)} steps but takes {SchedulerWindow.Text(window.StepsTaken)}: leave total_steps out or set end to the cycle's length.");
        }

        return total > 1 && (options.PctStart ?? 0.3) * total is not 1
            ? new OneCycleScheduler(window, table, total, options)
            : throw new ScheduleException(
                $"{window.Place} has a phase without a step in its cycle of {SchedulerWindow.Text(total)}: lengthen the cycle or change pct_start.");
    }

    private static LowestRate Lowest(SchedulerOptions options, SchedulerWindow window) =>
        options.EtaMin is not null && options.EtaMinRatio is not null
            ? throw new ScheduleException($"{window.Place} has eta_min and eta_min_ratio: keep one of them.")
            : new LowestRate(options.EtaMin, options.EtaMinRatio);

    private static T Required<T>(T? value, string key, string example, SchedulerWindow window)
        where T : struct => value ?? throw Missing(key, example, window);

    private static IReadOnlyList<double> Required(IReadOnlyList<double>? value, string key, string example, SchedulerWindow window) =>
        value is { Count: > 0 } ? value : throw Missing(key, example, window);

    private static ScheduleException Missing(string key, string example, SchedulerWindow window) =>
        new($"{window.Place} needs {key}, for example \"{key}\": {example}.");

    // Every step multiplies the current rate, and nothing leads back from zero.
    private static double NotZero(double value, string key, SchedulerWindow window) => value > 0
        ? value
        : throw new ScheduleException($"{window.Place} has the {key} 0, from which no multiplication leads back: use a small one such as 1e-5.");
}
