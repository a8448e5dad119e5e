namespace OrtZero.EndToEnd.Support;

/// <summary>What scripts/build published at the repository root.</summary>
internal static class Published
{
    public static string RankWorker => Require("rankworker");

    public static string Coordinator => Require("coordinator");

    private static string Require(string name)
    {
        var path = Path.Combine(RepositoryPaths.Root, "bin", name);
        return File.Exists(path) ? path : throw new FileNotFoundException($"bin/{name} is not there: run scripts/build, then the tests again.", path);
    }
}
