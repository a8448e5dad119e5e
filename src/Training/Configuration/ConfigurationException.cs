namespace OrtZero.Training;

/// <summary>cfg.json or a change to it has mistakes. The message lists all of them, one sentence each.</summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Lists what is wrong.</summary>
    /// <param name="problems">One sentence each: file and line, key, what is wrong, the fix.</param>
    public ConfigurationException(IReadOnlyList<string> problems)
        : base(Describe(problems)) => Problems = problems;

    /// <summary>The sentences of the message, one for each mistake.</summary>
    public IReadOnlyList<string> Problems { get; }

    private static string Describe(IReadOnlyList<string> problems) => problems.Count == 1
        ? problems[0]
        : $"The configuration has {problems.Count} mistakes:" + string.Concat(problems.Select(problem => $"\n  - {problem}"));
}
