using System.Globalization;
using System.Text.RegularExpressions;

namespace OrtZero.Autograd.Tests;

/// <summary>ONNX's own node tests as a gradient suite. Set ORTZERO_UPDATE=1 to write docs/onnx-node-tests.md.</summary>
public partial class NodeTestTests
{
    [Fact]
    public void Gradients_of_every_differentiable_node_test_agree_with_finite_differences()
    {
        var wrong = NodeTestSuite.Results.Where(result => result.Disagrees).ToList();
        Assert.True(wrong.Count == 0, string.Join("\n", wrong.Select(result => $"{result.Test.Name}: {result.Disagreement}")));
    }

    [Fact]
    public void The_table_says_what_was_found()
    {
        var path = Path.Combine(RepositoryPaths.Root, "docs", "onnx-node-tests.md");
        var current = NodeTestTable.Markdown(NodeTestSuite.Results);
        if (Environment.GetEnvironmentVariable("ORTZERO_UPDATE") == "1")
        {
            File.WriteAllText(path, current);
        }

        var documented = File.ReadAllText(path).ReplaceLineEndings("\n");
        if (Total().Match(documented).Groups[1].Value == NodeTestSuite.Results.Count.ToString(CultureInfo.InvariantCulture))
        {
            Assert.Equal(current, documented);
            return;
        }

        // Another release of ONNX has other tests, but what agrees in one agrees in all.
        var now = Agreeing(current);
        Assert.All(Agreeing(documented), pair => Assert.True(now.GetValueOrDefault(pair.Key) >= pair.Value, $"{pair.Key}: {pair.Value} agreed, now {now.GetValueOrDefault(pair.Key)}"));
    }

    private static Dictionary<string, int> Agreeing(string table) =>
        Row().Matches(table).ToDictionary(match => match.Groups[1].Value, match => int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), StringComparer.Ordinal);

    [GeneratedRegex(@"of the (\d+) were excluded")]
    private static partial Regex Total();

    [GeneratedRegex(@"^\| (\S+) \| (\d+) of \d+ \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
