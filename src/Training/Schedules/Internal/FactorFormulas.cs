namespace OrtZero.Training.Internal;

/// <summary>The factors of a group's own rate at step s, counted from 0, of schedules that are no product of steps.</summary>
internal static class FactorFormulas
{
    private const double DefaultWarmupSteps = 1000;

    /// <summary>deepspeed/runtime/lr_schedules.py, with a group's own rate in the place of warmup_max_lr.</summary>
    public static Func<long, double> Warmup(SchedulerOptions options, SchedulerWindow window)
    {
        if (window.ByEpoch)
        {
            throw new ScheduleException(
                $"{window.Place} counts iterations: add \"by_epoch\": false, or \"convert_to_iter_based\": true and give its lengths in epochs.");
        }

        var length = Math.Max(2, (options.WarmupNumSteps * window.Scale) ?? DefaultWarmupSteps);
        var total = (options.TotalNumSteps * window.Scale) ?? window.Length;
        if (options.Type != SchedulerKind.WarmupLR && total <= length)
        {
            throw new ScheduleException(
                $"{window.Place} has {SchedulerWindow.Text(total)} steps in all, but its warmup alone takes {SchedulerWindow.Text(length)}: lower warmup_num_steps.");
        }

        var lowest = options.WarmupMinRatio ?? 0;
        var isLinear = options.WarmupType == WarmupType.Linear;
        var cosineLowest = options.CosMinRatio ?? 1e-4;
        var kind = options.Type;
        return step =>
        {
            if (step < length)
            {
                return lowest + ((1 - lowest) * (isLinear ? step / length : Math.Log(step + 1) / Math.Log(length)));
            }

            return kind switch
            {
                SchedulerKind.WarmupLR => 1,
                SchedulerKind.WarmupDecayLR => lowest + ((1 - lowest) * Math.Max(0, (total - step) / Math.Max(1, total - length))),
                _ => cosineLowest + ((1 - cosineLowest) * (1 + Math.Cos(Math.PI * Math.Min(1, (step - length + 1) / Math.Max(1, total - length)))) / 2),
            };
        };
    }

    /// <summary>torchtitan/components/lr_scheduler.py over the window.</summary>
    public static Func<long, double> WarmupStableDecay(SchedulerOptions options, SchedulerWindow window)
    {
        var warmup = Math.Round((options.WarmupSteps ?? 0) * window.Scale);
        var decay = Math.Round(options.DecaySteps!.Value * window.Scale);
        var stableEnd = window.Length + 1 - decay;
        if (decay < 1 || warmup + decay > window.Length)
        {
            throw new ScheduleException(
                $"{window.Place} has {SchedulerWindow.Text(warmup)} warmup_steps and {SchedulerWindow.Text(decay)} decay_steps in a window of {SchedulerWindow.Text(window.Length)}: decay_steps must be at least 1, and both together no more than the window.");
        }

        var lowest = options.EtaMinRatio ?? 0;
        var type = options.DecayType ?? DecayType.Linear;
        return step =>
        {
            if (step < warmup)
            {
                return (step + 1) / warmup;
            }

            if (step < stableEnd)
            {
                return 1;
            }

            var done = (step + 1 - stableEnd) / decay;
            return lowest + ((1 - lowest) * type switch
            {
                DecayType.Cosine => (1 + Math.Cos(Math.PI * done)) / 2,
                DecayType.OneMinusSqrt => 1 - Math.Sqrt(done),
                _ => 1 - done,
            });
        };
    }
}
