using OrtZero.Autograd;

namespace OrtZero.Training.Internal;

/// <summary>Which weights get an adapter and which parameters are trained whole, by the patterns of <c>model.lora</c>.</summary>
internal sealed class AdapterChoice
{
    private const string AllLinear = "all-linear";
    private const int MostListed = 8;

    private readonly Dictionary<string, int> _ranks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _alphas = new(StringComparer.Ordinal);

    private AdapterChoice(IReadOnlyList<AdaptableWeight> targets, IReadOnlyList<string> saved)
    {
        Targets = targets;
        Saved = saved;
    }

    /// <summary>The weights that get an adapter, in the model's order.</summary>
    internal IReadOnlyList<AdaptableWeight> Targets { get; }

    /// <summary>The parameters that are trained whole, in the model's order.</summary>
    internal IReadOnlyList<string> Saved { get; }

    /// <summary>A weight's rank, if it has one of its own.</summary>
    internal int? Rank(AdaptableWeight weight) => _ranks.TryGetValue(weight.Name, out var rank) ? rank : null;

    /// <summary>A weight's lora_alpha, if it has one of its own.</summary>
    internal double? Alpha(AdaptableWeight weight) => _alphas.TryGetValue(weight.Name, out var alpha) ? alpha : null;

    /// <summary>The module a parameter belongs to, where it is its weight; else the parameter itself.</summary>
    internal static string ModuleOf(string weight) =>
        weight.EndsWith(".weight", StringComparison.Ordinal) && weight.Length > ".weight".Length ? weight[..^".weight".Length] : weight;

    /// <exception cref="ConfigurationException">A pattern matches nothing, or only what cannot have an adapter.</exception>
    internal static AdapterChoice Of(TrainingConfiguration configuration, LoraSection section, AdapterSites sites, IReadOnlyList<string> parameters)
    {
        var problems = new List<string>();
        var saved = Saving(section, parameters, problems);
        var byDefault = sites.Adaptable.Where(weight => !weight.IsOutputLayer && !saved.Contains(weight.Name)).ToList();
        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, text) in (section.TargetModules ?? [AllLinear]).Index())
        {
            var found = text == AllLinear ? byDefault : Matching(text, sites.Adaptable);
            named.UnionWith(found.Select(weight => weight.Name));
            if (found.Count == 0)
            {
                problems.Add(NoTarget($"model.lora.target_modules.{index}", text, sites));
            }
            else if (found.Find(weight => saved.Contains(weight.Name)) is { } twice)
            {
                problems.Add($"model.lora.target_modules.{index} is \"{text}\", which matches {twice.Name}, but model.lora.modules_to_save trains that whole: leave it out of one of them.");
            }
        }

        foreach (var (index, text) in (section.ExcludeModules ?? []).Index())
        {
            if (!sites.Adaptable.Where(weight => named.Contains(weight.Name)).Any(weight => Matches(new ModulePattern(text), weight)))
            {
                problems.Add(NoMatch($"model.lora.exclude_modules.{index}", text, "matches none of the modules that would have an adapter", [.. named]));
            }
        }

        foreach (var text in section.ExcludeModules ?? [])
        {
            named.ExceptWith(Matching(text, sites.Adaptable).Select(weight => weight.Name));
        }

        List<AdaptableWeight> targets = [.. sites.Adaptable.Where(weight => named.Contains(weight.Name))];
        if (problems.Count == 0 && targets.Count == 0)
        {
            problems.Add("model.lora.exclude_modules leaves no module that has an adapter: remove a pattern.");
        }

        var choice = new AdapterChoice(targets, saved);
        Assign(section.RankPattern, "rank_pattern", targets, choice._ranks, problems);
        Assign(section.AlphaPattern, "alpha_pattern", targets, choice._alphas, problems);
        return problems.Count == 0 ? choice : throw new ConfigurationException([.. problems.Select(problem => $"{configuration.Path}: {problem}")]);
    }

    private static List<string> Saving(LoraSection section, IReadOnlyList<string> parameters, List<string> problems)
    {
        var saved = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, text) in (section.ModulesToSave ?? []).Index())
        {
            var pattern = new ModulePattern(text);
            var found = parameters.Where(pattern.IsPartOf).ToList();
            saved.UnionWith(found);
            if (found.Count == 0)
            {
                problems.Add(NoMatch($"model.lora.modules_to_save.{index}", text, "matches no parameter", parameters));
            }
        }

        return [.. parameters.Where(saved.Contains)];
    }

    private static void Assign<T>(
        IReadOnlyDictionary<string, T> patterns, string key, List<AdaptableWeight> targets, Dictionary<string, T> values, List<string> problems)
    {
        foreach (var (text, value) in patterns)
        {
            var found = Matching(text, targets);
            found.ForEach(weight => values.TryAdd(weight.Name, value));
            if (found.Count == 0)
            {
                problems.Add(NoMatch($"model.lora.{key}", text, "matches no module that has an adapter", [.. targets.Select(weight => weight.Name)]));
            }
        }
    }

    private static List<AdaptableWeight> Matching(string text, IReadOnlyList<AdaptableWeight> weights)
    {
        var pattern = new ModulePattern(text);
        return [.. weights.Where(weight => Matches(pattern, weight))];
    }

    private static bool Matches(ModulePattern pattern, AdaptableWeight weight) =>
        pattern.IsEndOf(ModuleOf(weight.Name)) || pattern.IsEndOf(weight.Name)
        || weight.Nodes.Any(node => pattern.IsEndOf(node) || (node.LastIndexOf('/') is > 0 and var end && pattern.IsEndOf(node[..end])));

    // What a pattern names but cannot be adapted deserves the reason more than a guess.
    private static string NoTarget(string place, string text, AdapterSites sites)
    {
        if (text == AllLinear)
        {
            return sites.Reasons.Count > 0
                ? $"{place} finds no weight that can have an adapter; {sites.Reasons.First().Key} {sites.Reasons.First().Value}."
                : $"{place} finds no weight that can have an adapter but the output layer; name that in target_modules to adapt it.";
        }

        var pattern = new ModulePattern(text);
        var refused = sites.Reasons.Keys.FirstOrDefault(name => pattern.IsEndOf(ModuleOf(name)) || pattern.IsEndOf(name));
        return refused is null
            ? NoMatch(place, text, "matches no weight of a MatMul or Gemm", [.. sites.Adaptable.Select(weight => weight.Name)])
            : $"{place} is \"{text}\", but {refused} can have no adapter: it {sites.Reasons[refused]}.";
    }

    private static string NoMatch(string place, string text, string what, IReadOnlyCollection<string> names)
    {
        var modules = names.Select(ModuleOf).Distinct().ToList();
        var parts = modules.SelectMany(Parts).Distinct().ToList();
        var hint = modules.Exists(module => module.StartsWith(text + ".", StringComparison.Ordinal)) ? $"for all modules in it write \"{text}.*\"."
            : NearestName.Find(text.Trim('*', '?', '.'), parts) is { } near ? $"did you mean \"{near}\"?"
            : modules.Count == 0 ? "there are none."
            : $"there are {string.Join(", ", modules.Take(MostListed).Select(module => $"\"{module}\""))}{(modules.Count > MostListed ? ", …" : "")}.";
        return $"{place} is \"{text}\", which {what}; {hint}";
    }

    // The ends of a path, from its last step to the whole, and the steps alone.
    private static IEnumerable<string> Parts(string module)
    {
        yield return module;
        for (var dot = module.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = module.IndexOf('.', dot + 1))
        {
            yield return module[(dot + 1)..];
        }

        foreach (var step in module.Split('.').Where(step => step.Length > 1))
        {
            yield return step;
        }
    }
}
