using System.IO.Enumeration;

namespace OrtZero.Sharding.Internal;

/// <summary>How names of parameters are tested against what a configuration says.</summary>
internal static class NamePattern
{
    /// <summary>
    /// The text that is tested: MMEngine joins module path and leaf with a dot, so a parameter directly on the root begins
    /// with one.
    /// </summary>
    public static string TestedName(string parameter) => parameter.Contains('.', StringComparison.Ordinal) ? parameter : "." + parameter;

    /// <summary>Whether a custom key matches: plain substring.</summary>
    public static bool KeyMatches(string key, string parameter) => TestedName(parameter).Contains(key, StringComparison.Ordinal);

    /// <summary>
    /// Whether a pattern matches: with a * or ? it is a glob that must cover the whole name, without it is tested like a
    /// custom key.
    /// </summary>
    public static bool PatternMatches(string pattern, string parameter) =>
        pattern.AsSpan().ContainsAny('*', '?')
            ? FileSystemName.MatchesSimpleExpression(pattern, parameter, ignoreCase: false)
            : KeyMatches(pattern, parameter);

    /// <summary>Custom keys in the order in which they are tried: the longest first, ties alphabetically.</summary>
    public static string[] InOrder(IEnumerable<string> keys) =>
        [.. keys.OrderByDescending(key => key.Length).ThenBy(key => key, StringComparer.Ordinal)];
}
