namespace OrtZero.Training.Internal;

/// <summary>Finds what a user probably meant.</summary>
internal static class NearestName
{
    /// <summary>The candidate with the fewest edits, null when none is close: more than a third of the letters differ.</summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        var best = candidates
            .Select(candidate => (Name: candidate, Distance: Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant())))
            .OrderBy(candidate => candidate.Distance).ThenBy(candidate => candidate.Name, StringComparer.Ordinal)
            .FirstOrDefault();
        return best.Name is not null && best.Distance <= Math.Max(1, (Math.Max(name.Length, best.Name.Length) + 1) / 3) ? best.Name : null;
    }

    /// <summary>Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).</summary>
    private static int Distance(string from, string to)
    {
        var table = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
        {
            for (var j = 0; j <= to.Length; j++)
            {
                table[i, j] = i == 0 || j == 0 ? i + j : Cheapest(i, j);
            }
        }

        return table[from.Length, to.Length];

        int Cheapest(int i, int j)
        {
            var replaced = table[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
            var cheapest = Math.Min(replaced, Math.Min(table[i - 1, j], table[i, j - 1]) + 1);
            var swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
            return swapped ? Math.Min(cheapest, table[i - 2, j - 2] + 1) : cheapest;
        }
    }
}
