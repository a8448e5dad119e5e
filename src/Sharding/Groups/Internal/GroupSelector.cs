using System.Text.RegularExpressions;

namespace OrtZero.Sharding.Internal;

/// <summary>Tells whether a parameter fits the selectors of a <see cref="GroupRule"/>.</summary>
internal sealed partial class GroupSelector
{
    private readonly Regex? _regex;

    public GroupSelector(GroupRule rule, int index)
    {
        Rule = rule;
        var selectors = new List<string>();
        Add("match", rule.Match is null ? null : $"'{rule.Match}'");
        Add("regex", rule.Regex is null ? null : $"'{rule.Regex}'");
        Add("kinds", rule.Kinds is null ? null : string.Join(" or ", rule.Kinds.Select(KindName)));
        Add("max_ndim", rule.MaxNdim is null ? null : $"{rule.MaxNdim}");
        Place = $"paramwise_cfg.groups[{index}]";
        Label = rule.Name ?? rule.Match ?? rule.Regex ?? string.Join('+', selectors).Replace(" ", "_", StringComparison.Ordinal);
        Description = string.Join(", ", selectors);
        if (selectors.Count == 0 || rule is { Match.Length: 0 } or { Regex.Length: 0 } or { Kinds.Count: 0 })
        {
            throw new ParameterGroupException(
                $"{Place} does not say which parameters it takes: add \"match\", \"regex\", \"kinds\" or \"max_ndim\", not empty.");
        }

        try
        {
            // Without backtracking no expression can take longer than the name is long.
            _regex = rule.Regex is null ? null : new Regex(rule.Regex, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (ArgumentException exception)
        {
            throw new ParameterGroupException($"{Place}.regex is not a regular expression: {exception.Message}", exception);
        }
        catch (NotSupportedException exception)
        {
            throw new ParameterGroupException(
                $"{Place}.regex '{rule.Regex}' has a lookaround or backreference, which are not supported: write it without, or use several groups.", exception);
        }

        void Add(string name, string? text)
        {
            if (text is not null)
            {
                selectors.Add($"{name} {text}");
            }
        }
    }

    public GroupRule Rule { get; }

    /// <summary>What errors call it.</summary>
    public string Place { get; }

    /// <summary>What the group is called.</summary>
    public string Label { get; }

    /// <summary>The selectors in words.</summary>
    public string Description { get; }

    public bool Matches(ParameterDescription parameter) =>
        (Rule.Match is null || NamePattern.PatternMatches(Rule.Match, parameter.Name))
        && (_regex is null || _regex.IsMatch(parameter.Name))
        && (Rule.Kinds is null || Rule.Kinds.Any(kind => IsOfKind(parameter, kind)))
        && (Rule.MaxNdim is null || parameter.Shape.Length <= Rule.MaxNdim);

    /// <summary>What of the names in the model this could have meant.</summary>
    public string NearMiss(IReadOnlyCollection<string> names) => Rule.Match is not null
        ? NearMisses.Suggest(Rule.Match, names)
        : Rule.Regex is not null ? NearMisses.Suggest(Punctuation().Replace(Rule.Regex, ".").Trim('.'), names) : NearMisses.Suggest("", names);

    /// <summary>Whether a parameter is of a kind; a bias is whatever is added, the shift of a norm too.</summary>
    public static bool IsOfKind(ParameterDescription parameter, ParameterKind kind) =>
        parameter.Kind == kind || (kind == ParameterKind.Bias && parameter.IsBias);

    /// <summary>The name of a kind in cfg.json.</summary>
    public static string KindName(ParameterKind kind) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    [GeneratedRegex(@"[\\^$.*+?()\[\]{}|]+")]
    private static partial Regex Punctuation();
}
