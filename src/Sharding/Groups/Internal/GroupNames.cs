namespace OrtZero.Sharding.Internal;

/// <summary>Gives every distinct pair of custom key and settings one readable, unique name that no run of it changes.</summary>
internal sealed class GroupNames
{
    private readonly Dictionary<(string? Key, (string? Scope, int Number)? Layer, double Rate, double Decay), string> _names = [];
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal) { Frozen };

    public const string Frozen = "frozen";

    public string NameOf(ResolvedRule rule)
    {
        var identity = (rule.Key, rule.Layer, rule.LearningRate, rule.WeightDecay);
        if (_names.TryGetValue(identity, out var known))
        {
            return known;
        }

        var source = rule.Key ?? rule.Layer?.Scope ?? "default";
        var trimmed = source.TrimEnd('.');
        var suffix = Suffix(rule);
        var name = (trimmed.Length > 0 ? trimmed : source) + suffix;

        // Two keys that differ in a trailing dot only, or a key called "default".
        for (var number = 2; !_taken.Add(name); number++)
        {
            name = $"{source}{suffix}#{number}";
        }

        return _names[identity] = name;
    }

    private static string Suffix(ResolvedRule rule)
    {
        var changes = new List<string>();
        if (rule.Layer is { } layer)
        {
            changes.Add($"layer_{layer.Number}");
        }

        if (rule.RateMultiplier != 1)
        {
            changes.Add($"lr_x{RuleResolver.Text(rule.RateMultiplier)}");
        }

        if (rule.DecayMultiplier != 1)
        {
            changes.Add(rule.DecayMultiplier == 0 ? "no_decay" : $"decay_x{RuleResolver.Text(rule.DecayMultiplier)}");
        }

        return changes.Count == 0 ? "" : "/" + string.Join('+', changes);
    }
}
