using System.Globalization;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>
/// Looks through what log intervals measure of the groups for modules that do not train as they should. Each group is warned of once
/// for each kind of trouble.
/// </summary>
/// <param name="groups">The groups.</param>
internal sealed class GroupAlarms(ParameterGroupTable groups)
{
    // A spike of ten times the usual gradient is daily life, a hundred times it is not.
    private const double Far = 100;

    // An update that changes weights by a tenth of themselves, and ten times as much as those before.
    private const double LargeRatio = 0.1;
    private const double FarRatio = 10;

    // The gradient per element against that of the liveliest group: float32 has seven digits.
    private const double Faint = 1e-7;

    private const int HistoryLength = 32;
    private const int FewestToCompare = 5;
    private const int InARow = 3;

    private readonly History[] _histories = [.. groups.Groups.Select(_ => new History())];
    private readonly Dictionary<string, int> _silent = new(StringComparer.Ordinal);
    private readonly double[] _roots =
    [
        .. groups.Groups.Select((_, index) => Math.Sqrt(Math.Max(1, groups.Parameters
            .Where(parameter => !parameter.Frozen && groups.GroupOf(parameter.Name) == index)
            .Sum(parameter => parameter.Shape.Aggregate(1L, (product, axis) => product * axis))))),
    ];

    private enum Trouble
    {
        Dead,
        PartlyDead,
        NotFinite,
        Explodes,
        Jumps,
        Vanishes,
    }

    /// <summary>Takes what an interval measured.</summary>
    /// <param name="metrics">Every group, in the order of the table.</param>
    /// <param name="silent">The parameters whose whole gradient was 0.</param>
    /// <returns>Sentences to warn with.</returns>
    internal IReadOnlyList<string> Observe(IReadOnlyList<GroupMetrics> metrics, IReadOnlyList<string> silent)
    {
        var sentences = new List<string>();
        var liveliest = metrics.Select((group, index) => PerElement(index, group.Vitals)).Where(double.IsFinite).DefaultIfEmpty().Max();
        for (var index = 0; index < metrics.Count; index++)
        {
            if (metrics[index].Vitals is { } vitals)
            {
                sentences.AddRange(Observe(index, vitals, PerElement(index, vitals) < liveliest * Faint));
            }
        }

        foreach (var group in Silent(silent).Where(group => _histories[group.Key].Dead == 0))
        {
            if (Once(group.Key, Trouble.PartlyDead, name =>
                $"{Count(group.Count())} of group '{name}' {(group.Count() == 1 ? "gets" : "get")} no gradient: {string.Join(", ", group.Take(3))}{(group.Count() > 3 ? ", …" : "")}. Check that the loss depends on this part of the model, or freeze it with model.frozen.") is { } sentence)
            {
                sentences.Add(sentence);
            }
        }

        return sentences;
    }

    /// <summary>The run ends: what had too few intervals to be sure is said now.</summary>
    internal IReadOnlyList<string> Finish() =>
        [.. _histories.Index().Where(item => item.Item is { Dead: > 0, IsAlive: false }).Select(item => Once(item.Index, Trouble.Dead, DeadText)).OfType<string>()];

    // Those that were silent in several intervals in a row, by group.
    private IEnumerable<IGrouping<int, string>> Silent(IReadOnlyList<string> silent)
    {
        foreach (var gone in _silent.Keys.Except(silent).ToList())
        {
            _silent.Remove(gone);
        }

        foreach (var name in silent)
        {
            _silent[name] = _silent.GetValueOrDefault(name) + 1;
        }

        return silent.Where(name => _silent[name] >= InARow).GroupBy(groups.GroupOf);
    }

    private IEnumerable<string> Observe(int index, GroupVitals vitals, bool isFaint)
    {
        var history = _histories[index];
        var gradient = vitals.GradientNorm;
        string?[] found = [];
        if (!double.IsFinite(gradient))
        {
            found = [Once(index, Trouble.NotFinite, group =>
                $"The gradient of group '{group}' is not finite: lower its lr, clip gradients with optim_wrapper.clip_grad, or run with --debug to see which operator it comes from.")];
        }
        else
        {
            history.Dead = gradient == 0 ? history.Dead + 1 : 0;
            history.Faint = gradient > 0 && isFaint ? history.Faint + 1 : 0;
            history.IsAlive |= gradient > 0;
            var (usual, usualRatio) = (history.Gradients.Median, history.Ratios.Median);
            var ratio = vitals.UpdateRatio ?? 0;
            found =
            [
                history.Dead >= InARow - 1 ? Once(index, Trouble.Dead, DeadText) : null,
                history.Faint >= InARow ? Once(index, Trouble.Vanishes, group =>
                    $"The gradient of group '{group}' vanishes: per element it is less than {Faint:0e0} of that of other groups ({Text(gradient)} in all), so it hardly trains. Give it a higher lr, look for saturated activations before it, or freeze it with model.frozen.") : null,
                usual > 0 && gradient > Far * usual ? Once(index, Trouble.Explodes, group =>
                    $"The gradient of group '{group}' explodes: its norm is {Text(gradient)}, where {Text(usual)} is usual. Lower its lr (lr_mult), or clip gradients with optim_wrapper.clip_grad.max_norm.") : null,
                usualRatio > 0 && ratio > LargeRatio && ratio > FarRatio * usualRatio ? Once(index, Trouble.Jumps, group =>
                    $"The update of group '{group}' explodes: it changes the weights by {ratio.ToString("0.#%", CultureInfo.InvariantCulture)} of their norm, where {usualRatio.ToString("0.####%", CultureInfo.InvariantCulture)} is usual. Lower its lr (lr_mult) or warm it up.") : null,
            ];
            history.Gradients.Add(gradient);
            history.Ratios.Add(ratio);
        }

        return found.OfType<string>();
    }

    private string DeadText(string group)
    {
        var names = groups.Groups.First(candidate => candidate.Name == group).Parameters;
        return $"Group '{group}' gets no gradient: it is zero for {(names.Count == 1 ? $"its parameter {names[0]}" : $"all its {names.Count} parameters, the first of which is {names[0]}")}. Check that the loss depends on this part of the model (activations that are always 0, a mask, a detached branch), or freeze it with model.frozen.";
    }

    private string? Once(int index, Trouble trouble, Func<string, string> sentence) =>
        _histories[index].Told.Add(trouble) ? sentence(groups.Groups[index].Name) : null;

    private double PerElement(int index, GroupVitals? vitals) =>
        vitals is null ? double.NaN : vitals.GradientNorm / _roots[index];

    private static string Count(int parameters) => parameters == 1 ? "A parameter" : $"{parameters} parameters";

    private static string Text(double value) => value.ToString("0.###e+0", CultureInfo.InvariantCulture);

    private sealed class History
    {
        public Recent Gradients { get; } = new();

        public Recent Ratios { get; } = new();

        public HashSet<Trouble> Told { get; } = [];

        public int Dead { get; set; }

        public int Faint { get; set; }

        public bool IsAlive { get; set; }
    }

    /// <summary>The last values.</summary>
    private sealed class Recent
    {
        private readonly Queue<double> _values = [];

        /// <summary>Their median; infinite while there are too few of them to say what is usual.</summary>
        public double Median => _values.Count < FewestToCompare ? double.PositiveInfinity : _values.Order().ElementAt(_values.Count / 2);

        public void Add(double value)
        {
            _values.Enqueue(value);
            if (_values.Count > HistoryLength)
            {
                _values.Dequeue();
            }
        }
    }
}
