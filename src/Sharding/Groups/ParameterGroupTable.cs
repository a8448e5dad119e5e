using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>
/// The settings of every parameter, resolved once on the whole model, so that nothing which later cuts the parameters into
/// shards can lose them.
/// </summary>
public sealed class ParameterGroupTable
{
    private readonly Dictionary<string, int> _groupOf;

    private ParameterGroupTable(
        OptimizerSettings optimizer, IReadOnlyList<ParameterSettings> parameters, IReadOnlyList<ParameterGroup> groups, IReadOnlyList<string> warnings)
    {
        Optimizer = optimizer;
        Parameters = parameters;
        Groups = groups;
        Warnings = warnings;
        _groupOf = IndexGroups(parameters, groups);
    }

    /// <summary>The optimizer and its options.</summary>
    public OptimizerSettings Optimizer { get; }

    /// <summary>Every parameter in model order, frozen ones included.</summary>
    public IReadOnlyList<ParameterSettings> Parameters { get; }

    /// <summary>The groups of the trainable parameters, in the order in which their first parameters appear.</summary>
    public IReadOnlyList<ParameterGroup> Groups { get; }

    /// <summary>Sentences about settings that have no effect, such as a custom key that matches nothing.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The index in <see cref="Groups"/> of a parameter's group; -1 if it is frozen.</summary>
    /// <exception cref="KeyNotFoundException">The table has no parameter of that name.</exception>
    public int GroupOf(string parameter) =>
        _groupOf.TryGetValue(parameter, out var index)
            ? index
            : throw new KeyNotFoundException($"The group table has no parameter '{parameter}'.");

    /// <summary>The trainable parameters that any of some patterns matches, written as in <c>model.frozen</c>; in model order.</summary>
    /// <param name="patterns">The patterns.</param>
    /// <param name="place">The key they stand under, for errors.</param>
    /// <exception cref="ParameterGroupException">A pattern is empty, no regular expression, or matches no trainable parameter.</exception>
    public IReadOnlyList<string> TrainableMatching(IReadOnlyList<string> patterns, string place)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        ArgumentNullException.ThrowIfNull(place);
        var names = Parameters.Where(parameter => !parameter.Frozen).Select(parameter => parameter.Name).ToList();
        var tests = Patterns(patterns, place, names);
        return names.FindAll(name => tests.Exists(pattern => pattern.Matches(name)));
    }

    /// <summary>Resolves the settings of every parameter.</summary>
    /// <param name="parameters">All parameters in model order.</param>
    /// <param name="optimizer">The base settings.</param>
    /// <param name="rules">The rules of <c>paramwise_cfg</c>; null if there are none.</param>
    /// <param name="frozenPatterns">
    /// The patterns of <c>model.frozen</c>. A pattern with * (any text, dots included) or ? (one character) must cover the
    /// whole name, one that begins with "regex:" is a regular expression that must match somewhere in it; any other pattern freezes
    /// every parameter whose name contains it, tested like a custom key.
    /// </param>
    /// <exception cref="ParameterGroupException">
    /// A value is out of range, a decay multiplier has no base decay, a frozen pattern matches nothing, a name comes twice, or
    /// nothing is left to train.
    /// </exception>
    public static ParameterGroupTable Resolve(
        IReadOnlyList<ParameterDescription> parameters,
        OptimizerSettings optimizer,
        ParamwiseRules? rules,
        IReadOnlyList<string> frozenPatterns)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(frozenPatterns);
        rules ??= new ParamwiseRules();
        GroupSettingsValidator.Check(optimizer, rules);
        var warnings = new List<string>();
        var distinct = WithoutRepeats(parameters, rules.BypassDuplicate, warnings);
        var patterns = Patterns(frozenPatterns, "model.frozen", distinct.ConvertAll(parameter => parameter.Name));
        var resolver = new RuleResolver(optimizer, rules, distinct);
        CheckGroups(distinct, resolver);
        var names = new GroupNames();
        var settings = distinct.ConvertAll(parameter => SettingsOf(parameter, optimizer, resolver, names, patterns));
        if (settings.TrueForAll(parameter => parameter.Frozen))
        {
            throw new ParameterGroupException(distinct.Count == 0
                ? "The model has no trainable parameters."
                : $"All {distinct.Count} parameters are frozen, so there is nothing to train: remove a pattern from model.frozen.");
        }

        warnings.AddRange(RuleWarnings.Find(distinct, settings, optimizer, rules, resolver));
        var groups = settings.Where(parameter => !parameter.Frozen).GroupBy(parameter => parameter.Group, StringComparer.Ordinal)
            .Select(ToGroup).ToList();
        return new ParameterGroupTable(optimizer, settings, groups, warnings);
    }

    private static ParameterSettings SettingsOf(
        ParameterDescription parameter,
        OptimizerSettings optimizer,
        RuleResolver resolver,
        GroupNames names,
        List<FreezePattern> frozenPatterns)
    {
        var pattern = frozenPatterns.Find(pattern => pattern.Matches(parameter.Name));
        var frozen = parameter.FrozenReason ?? (pattern is null ? null : $"Frozen by the pattern '{pattern}'.");
        var rule = resolver.Resolve(parameter);
        var custom = rule.Custom;
        return new ParameterSettings
        {
            Name = parameter.Name,
            Shape = parameter.Shape,
            Kind = parameter.Kind,
            Group = frozen is null ? names.NameOf(rule) : GroupNames.Frozen,
            LearningRate = frozen is null ? rule.LearningRate : 0,
            WeightDecay = frozen is null ? rule.WeightDecay : 0,
            Beta1 = custom?.Beta1 ?? optimizer.Beta1,
            Beta2 = custom?.Beta2 ?? optimizer.Beta2,
            Epsilon = custom?.Epsilon ?? optimizer.Epsilon,
            Momentum = custom?.Momentum ?? optimizer.Momentum,
            UseMuon = custom?.UseMuon ?? true,
            Frozen = frozen is not null,
            Reason = frozen ?? rule.Reason,
        };
    }

    private static ParameterGroup ToGroup(IGrouping<string, ParameterSettings> members)
    {
        var first = members.First();
        return new ParameterGroup
        {
            Name = members.Key,
            LearningRate = first.LearningRate,
            WeightDecay = first.WeightDecay,
            Beta1 = first.Beta1,
            Beta2 = first.Beta2,
            Epsilon = first.Epsilon,
            Momentum = first.Momentum,
            Parameters = [.. members.Select(parameter => parameter.Name)],
        };
    }

    private static List<ParameterDescription> WithoutRepeats(
        IReadOnlyList<ParameterDescription> parameters, bool bypassDuplicate, List<string> warnings)
    {
        var distinct = new List<ParameterDescription>(parameters.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var parameter in parameters)
        {
            if (seen.Add(parameter.Name))
            {
                distinct.Add(parameter);
            }
            else if (bypassDuplicate)
            {
                warnings.Add($"The parameter '{parameter.Name}' is listed more than once; it is taken once because bypass_duplicate is set.");
            }
            else
            {
                throw new ParameterGroupException(
                    $"The parameter '{parameter.Name}' is listed more than once: list it once or set paramwise_cfg.bypass_duplicate to true.");
            }
        }

        return distinct;
    }

    private static List<FreezePattern> Patterns(IReadOnlyList<string> texts, string place, List<string> names)
    {
        var patterns = texts.Select(text => new FreezePattern(text, place)).ToList();
        patterns.ForEach(pattern => pattern.RequireMatch(names));
        return patterns;
    }

    private static void CheckGroups(List<ParameterDescription> parameters, RuleResolver resolver)
    {
        foreach (var group in resolver.Groups.Where(group => !parameters.Exists(group.Matches)))
        {
            throw new ParameterGroupException(
                $"{group.Place} ({group.Description}) matches no parameter. {group.NearMiss(parameters.ConvertAll(parameter => parameter.Name))}");
        }
    }

    /// <summary>Proves that every trainable parameter is in exactly one group, with that group's settings, and no other is in any.</summary>
    internal static Dictionary<string, int> IndexGroups(IReadOnlyList<ParameterSettings> parameters, IReadOnlyList<ParameterGroup> groups)
    {
        var settings = parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        var groupOf = parameters.ToDictionary(parameter => parameter.Name, _ => -1, StringComparer.Ordinal);
        for (var index = 0; index < groups.Count; index++)
        {
            var group = groups[index];
            foreach (var name in group.Parameters)
            {
                var member = settings[name];
                var same = member.LearningRate == group.LearningRate && member.WeightDecay == group.WeightDecay
                    && member.Beta1 == group.Beta1 && member.Beta2 == group.Beta2 && member.Epsilon == group.Epsilon
                    && member.Momentum == group.Momentum;
                if (member.Frozen || groupOf[name] >= 0 || !same)
                {
                    throw new InvalidOperationException($"The parameter '{name}' does not belong into the group '{group.Name}'.");
                }

                groupOf[name] = index;
            }
        }

        var missing = parameters.FirstOrDefault(parameter => !parameter.Frozen && groupOf[parameter.Name] < 0);
        return missing is null ? groupOf : throw new InvalidOperationException($"The parameter '{missing.Name}' is in no group.");
    }
}
