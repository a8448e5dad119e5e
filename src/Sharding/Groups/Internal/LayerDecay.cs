namespace OrtZero.Sharding.Internal;

/// <summary>The layer of every parameter in the scope of one layer_decay, and the factor of its rate.</summary>
internal sealed class LayerDecay
{
    private readonly LayerDecayRule _rule;
    private readonly OrderedDictionary<string, (SortedSet<int> Indices, int Offset)> _lists = new(StringComparer.Ordinal);
    private readonly int _blocks;

    public LayerDecay(LayerDecayRule rule, IReadOnlyList<ParameterDescription> parameters)
    {
        _rule = rule;
        var names = parameters.Select(parameter => parameter.Name).ToList();
        var scope = names.FindAll(Covers);
        if (scope.Count == 0)
        {
            throw new ParameterGroupException(
                $"The prefix '{rule.Prefix}' in paramwise_cfg.layer_decay begins no parameter's name. {NearMisses.Suggest(rule.Prefix!, names)}");
        }

        foreach (var (list, indices) in LayerLists.Find(scope))
        {
            _lists[list] = (indices, _blocks);
            _blocks += indices.Count;
        }

        if (_blocks == 0)
        {
            throw new ParameterGroupException(
                $"paramwise_cfg.layer_decay finds no numbered modules such as 'blocks.0' {(rule.Prefix is null ? "in the model" : $"below '{rule.Prefix}'")}: give the rates with custom_keys instead.");
        }
    }

    /// <summary>The prefix of the names it is about; null for all.</summary>
    public string? Scope => _rule.Prefix;

    public bool Covers(string name) => _rule.Prefix is null || name.StartsWith(_rule.Prefix, StringComparison.Ordinal);

    /// <summary>A parameter's layer, the last layer's number, and what the rate is multiplied by.</summary>
    public (int Layer, int Last, double Scale) Of(ParameterDescription parameter)
    {
        var last = _blocks + 1;
        var layer = LayerOf(parameter, last);
        return (layer, last, Math.Max(_rule.MinScale, Math.Pow(_rule.Rate, last - layer)));
    }

    private int LayerOf(ParameterDescription parameter, int last)
    {
        if (LayerLists.Position(parameter.Name) is var (list, index, _) && _lists.TryGetValue(list, out var entry))
        {
            return entry.Offset + entry.Indices.TakeWhile(number => number < index).Count() + 1;
        }

        // Before the first list it feeds; what feeds none comes after all blocks.
        foreach (var (name, (_, offset)) in _lists)
        {
            if (parameter.Feeds.Contains(name))
            {
                return offset;
            }
        }

        return last;
    }
}
