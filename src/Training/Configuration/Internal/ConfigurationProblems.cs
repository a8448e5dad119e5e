namespace OrtZero.Training.Internal;

/// <summary>Collects every mistake of a configuration, so that the user sees them all at once.</summary>
internal sealed class ConfigurationProblems
{
    private readonly List<(string Path, string Sentence)> _problems = [];

    /// <summary>Sentences about what is allowed but does nothing.</summary>
    public List<string> Notes { get; } = [];

    public int Count => _problems.Count;

    /// <summary>Every mistake with the key path it is about.</summary>
    public IReadOnlyList<(string Path, string Sentence)> All => _problems;

    /// <summary>The sentences in the order in which they were found.</summary>
    public IReadOnlyList<string> Sentences => _problems.ConvertAll(problem => problem.Sentence);

    /// <summary>Reports a mistake of a value.</summary>
    /// <param name="place">The file and line.</param>
    /// <param name="path">The key path, which begins the sentence; empty for the file as a whole.</param>
    /// <param name="sentence">What is wrong and the fix, without subject.</param>
    public void Add(string place, string path, string sentence) =>
        _problems.Add((path, path.Length == 0 ? $"{place}: {sentence}" : $"{place}: {path} {sentence}"));

    /// <summary>Reports a mistake that already is a whole sentence.</summary>
    /// <param name="sentence">The sentence, file and line included.</param>
    /// <param name="path">The key path it is about; empty for the file as a whole.</param>
    public void AddSentence(string sentence, string path = "") => _problems.Add((path, sentence));

    /// <summary>Whether something at or below a path was reported, so that checks built on it would only add noise.</summary>
    public bool Any(string path) => _problems.Exists(problem =>
        problem.Path == path || path.Length == 0 || problem.Path.StartsWith(path + ".", StringComparison.Ordinal));

    /// <summary>Throws if there is a mistake anywhere but at or below the given key paths.</summary>
    public void ThrowIfAny(IReadOnlyList<string> unused)
    {
        var sentences = _problems
            .Where(problem => !unused.Any(path => problem.Path == path || problem.Path.StartsWith(path + ".", StringComparison.Ordinal)))
            .Select(problem => problem.Sentence).ToList();
        if (sentences.Count > 0)
        {
            throw new ConfigurationException(sentences);
        }
    }
}
