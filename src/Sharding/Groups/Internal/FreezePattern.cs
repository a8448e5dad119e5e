using System.Text.RegularExpressions;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// An entry of a list of parameters such as <c>model.frozen</c>: a part of the name; with * (any text, dots included) or ? (one
/// character) a pattern of the whole name; after "regex:" a regular expression that matches somewhere in the name.
/// </summary>
internal sealed partial class FreezePattern
{
    private const string RegexPrefix = "regex:";

    private readonly string _text;
    private readonly string _place;
    private readonly Regex? _regex;

    /// <param name="text">The entry.</param>
    /// <param name="place">The list it stands in, for errors.</param>
    /// <exception cref="ParameterGroupException">It is empty or not a regular expression.</exception>
    public FreezePattern(string text, string place)
    {
        _text = text;
        _place = place;
        if (text.Length == 0 || text == RegexPrefix)
        {
            throw new ParameterGroupException($"{place} has an empty pattern, which would match every parameter: remove it.");
        }

        try
        {
            _regex = text.StartsWith(RegexPrefix, StringComparison.Ordinal)
                ? new Regex(text[RegexPrefix.Length..], RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)
                : null;
        }
        catch (ArgumentException exception)
        {
            throw new ParameterGroupException($"The pattern '{text}' in {place} is not a regular expression: {exception.Message}", exception);
        }
        catch (NotSupportedException exception)
        {
            throw new ParameterGroupException(
                $"The pattern '{text}' in {place} has a lookaround or backreference, which are not supported: write it without, or use several patterns.", exception);
        }
    }

    public override string ToString() => _text;

    public bool Matches(string parameter) => _regex?.IsMatch(parameter) ?? NamePattern.PatternMatches(_text, parameter);

    /// <summary>Requires that it matches one of the parameters.</summary>
    /// <exception cref="ParameterGroupException">It matches none; near misses are listed.</exception>
    public void RequireMatch(IReadOnlyCollection<string> parameters)
    {
        if (!parameters.Any(Matches))
        {
            var meant = _regex is null ? _text : Punctuation().Replace(_text[RegexPrefix.Length..], ".").Trim('.');
            throw new ParameterGroupException($"The pattern '{_text}' in {_place} matches no parameter. {NearMisses.Suggest(meant, parameters)}");
        }
    }

    [GeneratedRegex(@"[\\^$.*+?()\[\]{}|]+")]
    private static partial Regex Punctuation();
}
