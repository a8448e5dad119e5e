using System.Globalization;
using System.Runtime.InteropServices;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// A loaded native ONNX Runtime library. It stays loaded until the process ends, and every path is loaded once.
/// </summary>
public sealed unsafe class OrtLibrary
{
    /// <summary>The oldest version that has all functions used here (KernelContext_ParallelFor is the youngest).</summary>
    public const string MinimumVersion = "1.18";

    /// <summary>The newest table layout known here: of ONNX Runtime 1.24. Later libraries still offer it.</summary>
    internal const int NewestApi = 24;

    private const int OldestApi = 18;

    private static readonly Lock LoadLock = new();
    private static readonly Dictionary<string, OrtLibrary> Loaded = new(StringComparer.Ordinal);

    private OrtLibrary(string path, string version, OrtApi api)
    {
        Path = path;
        Version = version;
        Api = api;
        Providers = ReadProviders(api);
    }

    /// <summary>The full path of the library file.</summary>
    public string Path { get; }

    /// <summary>ONNX Runtime's version, such as 1.30.0.</summary>
    public string Version { get; }

    /// <summary>
    /// The execution providers compiled into the library, in its order of preference, such as CPUExecutionProvider.
    /// Being listed does not mean that a device for it is present.
    /// </summary>
    public IReadOnlyList<string> Providers { get; }

    internal OrtApi Api { get; }

    /// <summary>
    /// Loads the library: <paramref name="path"/> if given, else the file that ORTZERO_ORT_LIBRARY names, else the one
    /// beside the application or in the current folder, else node_modules/onnxruntime-node of those folders or of any
    /// folder above them.
    /// </summary>
    /// <exception cref="OrtLibraryException">There is none, or the file is something else or too old.</exception>
    public static OrtLibrary Load(string? path = null)
    {
        var file = LibraryLocator.Find(
            path,
            Environment.GetEnvironmentVariable(LibraryLocator.PathVariable),
            [AppContext.BaseDirectory, Directory.GetCurrentDirectory()]);
        var fullPath = RealPath(file);
        lock (LoadLock)
        {
            if (!Loaded.TryGetValue(fullPath, out var library))
            {
                library = Bind(fullPath, NewestApi);
                Loaded.Add(fullPath, library);
            }

            return library;
        }
    }

    /// <summary>Binds the table of at most the given API version, so that tests reach what older libraries offer.</summary>
    internal static OrtLibrary Bind(string path, int newestApi)
    {
        nint module;
        try
        {
            module = NativeLibrary.Load(path);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw new OrtLibraryException(
                $"'{path}' cannot be loaded as ONNX Runtime ({exception.Message.ReplaceLineEndings(" ")}); {LibraryLocator.HowToGet}.",
                exception);
        }

        if (!NativeLibrary.TryGetExport(module, "OrtGetApiBase", out var entry))
        {
            NativeLibrary.Free(module);
            throw new OrtLibraryException($"'{path}' is not ONNX Runtime (it has no OrtGetApiBase); {LibraryLocator.HowToGet}.");
        }

        var apiBase = ((delegate* unmanaged<OrtApiBase*>)entry)();
        var version = NativeText.Read(apiBase->GetVersionString());

        // Version 1.N offers the API versions 1 to N; asking for more makes the library complain on standard error.
        var offered = version.Split('.') is [_, var minor, ..]
            && int.TryParse(minor, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        var wanted = Math.Min(offered, newestApi);
        var table = wanted >= OldestApi ? apiBase->GetApi((uint)wanted) : 0;
        return table != 0
            ? new OrtLibrary(path, version, new OrtApi(table, wanted))
            : throw new OrtLibraryException(
                $"'{path}' is ONNX Runtime {version}, and {MinimumVersion} or newer is needed; {LibraryLocator.HowToGet}.");
    }

    private static string RealPath(string file)
    {
        var full = System.IO.Path.GetFullPath(file);
        return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
    }

    private static string[] ReadProviders(OrtApi api)
    {
        byte** names;
        int count;
        api.Check(api.GetAvailableProviders(&names, &count));
        try
        {
            var result = new string[count];
            for (var i = 0; i < count; i++)
            {
                result[i] = NativeText.Read((nint)names[i]);
            }

            return result;
        }
        finally
        {
            api.Check(api.ReleaseAvailableProviders(names, count));
        }
    }
}
