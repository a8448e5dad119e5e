using System.Runtime.InteropServices;

namespace OrtZero.Runtime.Internal;

/// <summary>Finds the native library: beside the application, or in the npm package's folder above it.</summary>
internal static class LibraryLocator
{
    public const string PathVariable = "ORTZERO_ORT_LIBRARY";

    public const string HowToGet =
        "run `npm ci --ignore-scripts` in the repository (or `npm install --ignore-scripts onnxruntime-node@1.30.0`), or set " +
        PathVariable + " to the path of the library";

    /// <summary>The names the library goes by on this system, best first.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        OperatingSystem.IsWindows() ? ["onnxruntime.dll"]
        : OperatingSystem.IsMacOS() ? ["libonnxruntime.1.dylib", "libonnxruntime.dylib"]
        : ["libonnxruntime.so.1", "libonnxruntime.so"];

    /// <summary>The npm package's folder for this system, such as linux/x64.</summary>
    public static string Platform { get; } =
        (OperatingSystem.IsWindows() ? "win32" : OperatingSystem.IsMacOS() ? "darwin" : "linux") + "/" +
        (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64");

    /// <summary>The path of the library.</summary>
    /// <exception cref="OrtLibraryException">None is found; the message names where it was looked for and the cure.</exception>
    public static string Find(string? path, string? variable, IReadOnlyList<string> startFolders)
    {
        if (path is not null)
        {
            return File.Exists(path)
                ? path
                : throw new OrtLibraryException($"The ONNX Runtime library '{path}' does not exist; {HowToGet}.");
        }

        if (!string.IsNullOrEmpty(variable))
        {
            return File.Exists(variable)
                ? variable
                : throw new OrtLibraryException(
                    $"{PathVariable} names '{variable}', which does not exist; correct it, or unset it and run `npm ci --ignore-scripts`.");
        }

        foreach (var file in Candidates(startFolders))
        {
            if (File.Exists(file))
            {
                return file;
            }
        }

        var places = string.Join("' or '", startFolders.Distinct());
        throw new OrtLibraryException(
            $"ONNX Runtime ({FileNames[0]} for {Platform}) was found neither in '{places}' nor in a node_modules folder above; {HowToGet}.");
    }

    private static IEnumerable<string> Candidates(IReadOnlyList<string> startFolders)
    {
        foreach (var start in startFolders)
        {
            foreach (var name in FileNames)
            {
                yield return Path.Combine(start, name);
            }
        }

        foreach (var start in startFolders)
        {
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            {
                var package = Path.Combine(folder.FullName, "node_modules", "onnxruntime-node", "bin");
                if (!Directory.Exists(package))
                {
                    continue;
                }

                // napi-v6 today; the number follows Node's interface, not ONNX Runtime's.
                foreach (var napi in Directory.GetDirectories(package, "napi-v*").OrderByDescending(name => name.Length).ThenDescending())
                {
                    foreach (var name in FileNames)
                    {
                        yield return Path.Combine(napi, Platform, name);
                    }
                }
            }
        }
    }

    private static IOrderedEnumerable<string> ThenDescending(this IOrderedEnumerable<string> names) =>
        names.ThenByDescending(name => name, StringComparer.Ordinal);
}
