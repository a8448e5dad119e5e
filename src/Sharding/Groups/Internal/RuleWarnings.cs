namespace OrtZero.Sharding.Internal;

/// <summary>Says which settings have no effect. MMEngine is silent about all of these.</summary>
internal static class RuleWarnings
{
    public static IEnumerable<string> Find(
        List<ParameterDescription> parameters,
        List<ParameterSettings> settings,
        OptimizerSettings optimizer,
        ParamwiseRules rules,
        RuleResolver resolver)
    {
        var names = parameters.ConvertAll(parameter => parameter.Name);
        var taken = parameters.ConvertAll(parameter => resolver.Groups.FirstOrDefault(group => group.Matches(parameter)));
        var winners = names.ConvertAll(resolver.KeyFor);
        foreach (var group in resolver.Groups.Where(group => !taken.Contains(group)))
        {
            var first = taken[parameters.FindIndex(group.Matches)]!;
            yield return $"{group.Place} ({group.Description}) has no effect: every parameter it matches is taken by an earlier entry, such as {first.Place} ({first.Description}).";
        }

        foreach (var kind in rules.NoDecayKinds.Where(kind => !parameters.Exists(parameter => GroupSelector.IsOfKind(parameter, kind))))
        {
            yield return $"paramwise_cfg.no_decay_kinds has {GroupSelector.KindName(kind)}, but the model has no parameter of that kind.";
        }

        foreach (var key in NamePattern.InOrder(rules.CustomKeys.Keys))
        {
            var place = $"The custom key '{key}' in paramwise_cfg";
            var matched = names.FindAll(name => NamePattern.KeyMatches(key, name));
            if (matched.Count == 0)
            {
                yield return $"{place} matches no parameter. {NearMisses.Suggest(key, names)}";
            }
            else if (!winners.Contains(key))
            {
                var winner = winners[names.IndexOf(matched[0])];
                yield return $"{place} has no effect: every parameter it matches is taken by a longer key, such as '{winner}'.";
            }
            else if (matched.TrueForAll(name => taken[names.IndexOf(name)] is not null))
            {
                yield return $"{place} has no effect: every parameter it matches is taken by paramwise_cfg.groups.";
            }
            else if (matched.TrueForAll(name => settings[names.IndexOf(name)].Frozen))
            {
                yield return $"{place} has no effect: every parameter it matches is frozen.";
            }
        }

        if (rules.FlatDecayMult is not null && optimizer.WeightDecay is null)
        {
            yield return "paramwise_cfg.flat_decay_mult has no effect without a base: add \"weight_decay\" to the optimizer.";
        }
    }
}
