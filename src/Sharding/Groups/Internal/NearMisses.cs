namespace OrtZero.Sharding.Internal;

/// <summary>Finds what a key or pattern that matches nothing was probably meant to be.</summary>
internal static class NearMisses
{
    private const int Shown = 3;

    /// <summary>A half sentence such as "Did you mean 'visual_encoder.'?"; never empty.</summary>
    public static string Suggest(string pattern, IReadOnlyCollection<string> parameters)
    {
        var wanted = pattern.Trim('*', '?', '.').ToUpperInvariant();
        var near = Candidates(parameters)
            .Select(candidate => (Text: candidate, Distance: Distance(wanted, candidate.ToUpperInvariant())))
            .Where(entry => entry.Distance <= Math.Max(2, wanted.Length / 3))
            .OrderBy(entry => entry.Distance).ThenBy(entry => entry.Text, StringComparer.Ordinal)
            .Take(Shown).Select(entry => $"'{entry.Text}'").ToList();
        if (near.Count > 0)
        {
            return $"Did you mean {string.Join(" or ", near)}?";
        }

        var roots = parameters.Select(name => name.Split('.')[0]).Distinct().ToList();
        return $"The parameters begin with {string.Join(", ", roots.Take(6).Select(root => $"'{root}'"))}{(roots.Count > 6 ? ", …" : "")}.";
    }

    // Module paths, names, and single parts of them: whatever a key could have been meant to name.
    private static HashSet<string> Candidates(IEnumerable<string> parameters)
    {
        var candidates = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in parameters)
        {
            candidates.Add(name);
            candidates.UnionWith(name.Split('.').Where(part => part.Length > 1 && !char.IsAsciiDigit(part[0])));
            for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot > 0; dot = name.IndexOf('.', dot + 1))
            {
                candidates.Add(name[..dot]);
            }
        }

        return candidates;
    }

    // Levenshtein distance, row by row.
    private static int Distance(string first, string second)
    {
        var row = Enumerable.Range(0, second.Length + 1).ToArray();
        for (var i = 1; i <= first.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= second.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (first[i - 1] == second[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
