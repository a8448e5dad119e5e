using System.IO.Enumeration;
using System.Text.RegularExpressions;

namespace OrtZero.Training.Internal;

/// <summary>
/// How <c>model.lora</c> names modules: by whole steps of their path, with * (any text, dots included) or ? (one character) by a pattern of
/// the whole name, after "regex:" by a regular expression that matches somewhere in it.
/// </summary>
internal sealed class ModulePattern
{
    private const string RegexPrefix = "regex:";

    private readonly Regex? _regex;

    /// <param name="text">The pattern, one without a <see cref="Problem"/>.</param>
    internal ModulePattern(string text)
    {
        Text = text;
        _regex = text.StartsWith(RegexPrefix, StringComparison.Ordinal) ? Parse(text) : null;
    }

    /// <summary>The pattern as it is written.</summary>
    internal string Text { get; }

    private bool IsPlain => _regex is null && !Text.AsSpan().ContainsAny('*', '?');

    /// <summary>What is wrong with a pattern: the end of a sentence; null for nothing.</summary>
    internal static string? Problem(string text)
    {
        if (text is "" or RegexPrefix)
        {
            return "is empty, which would match every module; remove it.";
        }

        try
        {
            if (text.StartsWith(RegexPrefix, StringComparison.Ordinal))
            {
                Parse(text);
            }

            return null;
        }
        catch (ArgumentException exception)
        {
            return $"is not a regular expression: {exception.Message.TrimEnd('.')}.";
        }
        catch (NotSupportedException)
        {
            return "has a lookaround or backreference, which are not supported; write it without, or use several patterns.";
        }
    }

    /// <summary>Whether a name ends with the steps of the pattern, or fits it.</summary>
    internal bool IsEndOf(string name) => IsPlain
        ? name.EndsWith(Text, StringComparison.Ordinal) && (name.Length == Text.Length || name[^(Text.Length + 1)] is '.' or '/')
        : Fits(name);

    /// <summary>Whether the steps of the pattern are among those of a name, or fit it.</summary>
    internal bool IsPartOf(string name) => IsPlain ? $".{name}.".Contains($".{Text.Trim('.')}.", StringComparison.Ordinal) : Fits(name);

    private bool Fits(string name) => _regex?.IsMatch(name) ?? FileSystemName.MatchesSimpleExpression(Text, name, ignoreCase: false);

    private static Regex Parse(string text) => new(text[RegexPrefix.Length..], RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
}
