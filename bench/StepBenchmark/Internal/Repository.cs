namespace OrtZero.StepBenchmark.Internal;

/// <summary>Where the repository is.</summary>
internal static class Repository
{
    /// <summary>The folder that holds Distributed.sln.</summary>
    internal static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Distributed.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No Distributed.sln above {AppContext.BaseDirectory}: run the benchmark inside its repository.");
    }
}
