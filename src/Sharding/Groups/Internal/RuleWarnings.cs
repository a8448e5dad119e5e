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
        var winners = names.ConvertAll(resolver.KeyFor);
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
