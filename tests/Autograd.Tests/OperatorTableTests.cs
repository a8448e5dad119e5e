using OrtZero.Autograd.Internal;

namespace OrtZero.Autograd.Tests;

/// <summary>docs/operators.md says what the registry holds. Set ORTZERO_UPDATE=1 to write it.</summary>
public class OperatorTableTests
{
    [Fact]
    public void The_documented_operators_are_those_of_the_registry()
    {
        var path = Path.Combine(RepositoryPaths.Root, "docs", "operators.md");
        var current = OperatorTable.Markdown(GradientRuleRegistry.Rules);
        if (Environment.GetEnvironmentVariable("ORTZERO_UPDATE") == "1")
        {
            File.WriteAllText(path, current);
        }

        Assert.Equal(current, File.ReadAllText(path).ReplaceLineEndings("\n"));
    }
}
