namespace OrtZero.TestSupport;

/// <summary>Finds the repository, its fixtures and what scripts/build published, from wherever a test assembly runs.</summary>
public static class RepositoryPaths
{
    /// <summary>The folder that holds Distributed.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The path of a file or folder below tests/fixtures.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([Root, "tests", "fixtures", .. parts]);

    /// <summary>The native ONNX Runtime that <c>npm ci --ignore-scripts</c> installed.</summary>
    public static string OrtLibrary => Path.Combine(
        Root, "node_modules", "onnxruntime-node", "bin", "napi-v6", "linux", "x64", "libonnxruntime.so.1");

    /// <summary>A new, empty folder below the system's temporary folder; the caller deletes it.</summary>
    public static string NewTemporaryFolder() => Directory.CreateTempSubdirectory("ortzero-").FullName;

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Distributed.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No Distributed.sln above {AppContext.BaseDirectory}.");
    }
}
