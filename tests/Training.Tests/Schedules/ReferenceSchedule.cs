namespace OrtZero.Training.Tests;

/// <summary>
/// MMEngine's parameter schedulers once more, from their description: every one keeps the number of its steps and turns the current value
/// of each group into the next, by the ratio of two neighbours of its closed form or by that form itself. It shares nothing with the
/// product but the options.
/// </summary>
internal sealed class ReferenceSchedule
{
    private readonly List<Entry> _entries = [];
    private readonly double[] _values;
    private readonly double[] _initial;

    public ReferenceSchedule(IReadOnlyList<SchedulerOptions> options, double[] values, int epochLength, int maxEpochs)
    {
        _values = [.. values];
        _initial = [.. values];
        foreach (var option in options)
        {
            var scale = option.ConvertToIterBased ? epochLength : 1;
            var isByEpoch = option.ByEpoch && !option.ConvertToIterBased;
            var end = option.End ?? (option.ByEpoch ? maxEpochs : (double)maxEpochs * epochLength);
            var entry = new Entry(option, isByEpoch, Whole(option.Begin), Whole(end), scale);
            _entries.Add(entry);
            Enter(entry);
            Step(entry);

            double Whole(double epochs) => option.ConvertToIterBased ? (int)(epochs * epochLength) : epochs;
        }
    }

    public IReadOnlyList<double> Values => _values;

    public void AfterIteration() => _entries.FindAll(entry => !entry.IsByEpoch).ForEach(Step);

    public void AfterEpoch() => _entries.FindAll(entry => entry.IsByEpoch).ForEach(Step);

    public void AfterValidation(double loss)
    {
        foreach (var entry in _entries.Where(entry => entry.Is("ReduceOnPlateau") && entry.Begin <= entry.Global && entry.Global < entry.End))
        {
            var option = entry.Option;
            var sign = option.Rule == PlateauRule.Greater ? -1 : 1;
            var threshold = option.Threshold ?? 1e-4;
            var needed = option.ThresholdRule == ThresholdRule.Absolute ? entry.Best - (sign * threshold) : entry.Best * (1 - (sign * threshold));
            if (sign * loss < sign * needed)
            {
                (entry.Best, entry.Bad) = (loss, 0);
            }
            else
            {
                entry.Bad++;
            }

            if (entry.Rest > 0)
            {
                (entry.Rest, entry.Bad) = (entry.Rest - 1, 0);
            }

            if (entry.Bad > (option.Patience ?? 10))
            {
                (entry.Rest, entry.Bad) = (option.Cooldown ?? 0, 0);
                for (var group = 0; group < _values.Length; group++)
                {
                    var lower = Math.Max(_values[group] * (option.Factor ?? 0.1), option.MinValue?.Values[^1] ?? 0);
                    _values[group] = _values[group] - lower > (option.Eps ?? 1e-8) ? lower : _values[group];
                }
            }
        }
    }

    private void Enter(Entry entry)
    {
        entry.Best = entry.Option.Rule == PlateauRule.Greater ? -1e9 : 1e9;
        if (entry.Is("OneCycle"))
        {
            Array.Fill(_initial, entry.Option.EtaMax!.Values[0] / (entry.Option.DivFactor ?? 25));
        }

        entry.Base = [.. _initial];
    }

    private void Step(Entry entry)
    {
        entry.Global++;
        if (entry.Is("ReduceOnPlateau") || entry.Global < entry.Begin || entry.Global >= entry.End)
        {
            return;
        }

        var t = ++entry.Last;
        for (var group = 0; group < _values.Length; group++)
        {
            _values[group] = Next(entry, t, _values[group], entry.Base[group]);
        }
    }

    private static double Next(Entry entry, long t, double value, double initial)
    {
        var (option, last) = (entry.Option, entry.End - entry.Begin - 1);
        var least = option.EtaMinRatio is { } ratio ? ratio * initial : option.EtaMin?.Values[0] ?? 0;
        switch (option.Type.ToString()[..^2])
        {
            case "Linear":
                var (from, to) = (option.StartFactor ?? 1.0 / 3, option.EndFactor ?? 1);
                return t == 0 ? value * from : value * (from + ((to - from) * t / last)) / (from + ((to - from) * (t - 1) / last));
            case "Constant":
                return t == 0 ? value * (option.Factor ?? 1.0 / 3) : t == last ? value / (option.Factor ?? 1.0 / 3) : value;
            case "Exponential":
                return t == 0 ? value : value * option.Gamma!.Value;
            case "Step":
                return t > 0 && t % (option.StepSize!.Value * entry.Scale) == 0 ? value * (option.Gamma ?? 0.1) : value;
            case "MultiStep":
                return option.Milestones!.Where(milestone => milestone * entry.Scale == t).Aggregate(value, (product, _) => product * (option.Gamma ?? 0.1));
            case "Poly":
                return t == 0 ? value : least + ((value - least) * Math.Pow((1 - (t / last)) / (1 - ((t - 1) / last)), option.Power ?? 1));
            case "CosineAnnealing":
                return t == 0 ? value : Wave(t, option.TMax * entry.Scale ?? last + 1, value, initial, least);
            case "CosineRestart":
                var begin = 0.0;
                foreach (var (period, weight) in option.Periods!.Zip(option.RestartWeights ?? [1.0]))
                {
                    if (t < begin + (period * entry.Scale))
                    {
                        return t == begin ? initial * weight : Wave(t - begin, period * entry.Scale, value, initial, least);
                    }

                    begin += period * entry.Scale;
                }

                return value;
            default:
                var total = option.TotalSteps * entry.Scale ?? last + 1;
                var (high, low) = (option.EtaMax!.Values[0], initial / (option.FinalDivFactor ?? 1e4));
                var rise = (option.PctStart ?? 0.3) * total;
                (double End, double From, double To)[] phases = option.ThreePhase == true
                    ? [(rise - 1, initial, high), ((2 * rise) - 2, high, initial), (total - 1, initial, low)]
                    : [(rise - 1, initial, high), (total - 1, high, low)];
                var index = Array.FindIndex(phases, phase => t <= phase.End);
                var (stop, first, second) = phases[index < 0 ? phases.Length - 1 : index];
                var start = index == 0 ? 0 : phases[(index < 0 ? phases.Length - 1 : index) - 1].End;
                var done = (t - start) / (stop - start);
                return option.AnnealStrategy == AnnealStrategy.Linear
                    ? first + ((second - first) * done)
                    : second + ((first - second) * (1 + Math.Cos(Math.PI * done)) / 2);
        }
    }

    // By half angles, (1 + cos a) = 2 cos² (a / 2); at the bottom of a wave, where the ratio has no value, by the form itself.
    private static double Wave(double t, double period, double value, double initial, double least)
    {
        if ((t - 1 - period) % (2 * period) == 0)
        {
            return value + ((initial - least) * Math.Pow(Math.Sin(Math.PI / period / 2), 2));
        }

        var ratio = Math.Cos(Math.PI * t / period / 2) / Math.Cos(Math.PI * (t - 1) / period / 2);
        return least + ((value - least) * ratio * ratio);
    }

    private sealed class Entry(SchedulerOptions option, bool isByEpoch, double begin, double end, int scale)
    {
        public SchedulerOptions Option { get; } = option;

        public bool IsByEpoch { get; } = isByEpoch;

        public double Begin { get; } = begin;

        public double End { get; } = end;

        public int Scale { get; } = scale;

        public double[] Base { get; set; } = [];

        public long Global { get; set; } = -1;

        public long Last { get; set; } = -1;

        public double Best { get; set; }

        public int Bad { get; set; }

        public int Rest { get; set; }

        public bool Is(string name) => Option.Type.ToString() == $"{name}LR";
    }
}
