using System.Runtime.InteropServices;
using System.Text;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// A loaded MPI library: its ABI and the functions used here. It is never unloaded, since MPI leaves threads and exit handlers
/// inside. Functions return MPI error codes; <see cref="Check"/> turns them into exceptions.
/// </summary>
internal sealed unsafe class MpiLibrary
{
    private const int TextSize = 8192;

    public readonly delegate* unmanaged<int*, byte***, int, int*, int> InitThread;
    public readonly delegate* unmanaged<int> FinalizeMpi;
    public readonly delegate* unmanaged<nint, int, int> Abort;
    public readonly delegate* unmanaged<nint, int*, int> CommRank;
    public readonly delegate* unmanaged<nint, int*, int> CommSize;
    public readonly delegate* unmanaged<nint, nint*, nint*, int> CommIdup;
    public readonly delegate* unmanaged<nint*, int> CommFree;
    public readonly delegate* unmanaged<nint, int, int, nint, nint*, int> CommSplitType;
    public readonly delegate* unmanaged<nint, nint, int> CommSetErrhandler;
    public readonly delegate* unmanaged<nint, nint*, int> Ibarrier;
    public readonly delegate* unmanaged<void*, int, nint, int, nint, nint*, int> Ibcast;
    public readonly delegate* unmanaged<void*, void*, int, nint, nint, nint, nint*, int> Iallreduce;
    public readonly delegate* unmanaged<void*, int, nint, void*, int, nint, nint, nint*, int> Iallgather;
    public readonly delegate* unmanaged<void*, int, nint, void*, int, nint, nint, nint*, int> Ialltoall;
    public readonly delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> Isend;
    public readonly delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> Irecv;
    public readonly delegate* unmanaged<int, int, nint, int*, void*, int> Iprobe;
    public readonly delegate* unmanaged<nint*, int*, void*, int> Test;
    public readonly delegate* unmanaged<void*, nint, int*, int> GetCount;

    private readonly delegate* unmanaged<byte*, int*, int> _getLibraryVersion;
    private readonly delegate* unmanaged<int, byte*, int*, int> _errorString;

    private MpiLibrary(nint handle, string path)
    {
        Path = path;
        Abi = MpiAbi.Of(handle, path);
        InitThread = (delegate* unmanaged<int*, byte***, int, int*, int>)Function("MPI_Init_thread");
        FinalizeMpi = (delegate* unmanaged<int>)Function("MPI_Finalize");
        Abort = (delegate* unmanaged<nint, int, int>)Function("MPI_Abort");
        CommRank = (delegate* unmanaged<nint, int*, int>)Function("MPI_Comm_rank");
        CommSize = (delegate* unmanaged<nint, int*, int>)Function("MPI_Comm_size");
        CommIdup = (delegate* unmanaged<nint, nint*, nint*, int>)Function("MPI_Comm_idup");
        CommFree = (delegate* unmanaged<nint*, int>)Function("MPI_Comm_free");
        CommSplitType = (delegate* unmanaged<nint, int, int, nint, nint*, int>)Function("MPI_Comm_split_type");
        CommSetErrhandler = (delegate* unmanaged<nint, nint, int>)Function("MPI_Comm_set_errhandler");
        Ibarrier = (delegate* unmanaged<nint, nint*, int>)Function("MPI_Ibarrier");
        Ibcast = (delegate* unmanaged<void*, int, nint, int, nint, nint*, int>)Function("MPI_Ibcast");
        Iallreduce = (delegate* unmanaged<void*, void*, int, nint, nint, nint, nint*, int>)Function("MPI_Iallreduce");
        Iallgather = (delegate* unmanaged<void*, int, nint, void*, int, nint, nint, nint*, int>)Function("MPI_Iallgather");
        Ialltoall = (delegate* unmanaged<void*, int, nint, void*, int, nint, nint, nint*, int>)Function("MPI_Ialltoall");
        Isend = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Function("MPI_Isend");
        Irecv = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Function("MPI_Irecv");
        Iprobe = (delegate* unmanaged<int, int, nint, int*, void*, int>)Function("MPI_Iprobe");
        Test = (delegate* unmanaged<nint*, int*, void*, int>)Function("MPI_Test");
        GetCount = (delegate* unmanaged<void*, nint, int*, int>)Function("MPI_Get_count");
        _getLibraryVersion = (delegate* unmanaged<byte*, int*, int>)Function("MPI_Get_library_version");
        _errorString = (delegate* unmanaged<int, byte*, int*, int>)Function("MPI_Error_string");
        Version = ReadVersion();

        nint Function(string name) =>
            NativeLibrary.TryGetExport(handle, name, out var address)
                ? address
                : throw new MpiException(
                    MpiError.LibraryNotFound,
                    $"{path} has no {name}: it is not an MPI-3 library; set {MpiEnvironment.LibraryVariable} to another one.");
    }

    /// <summary>The name or path that the library was loaded by.</summary>
    public string Path { get; }

    public MpiAbi Abi { get; }

    /// <summary>Name and version in short, such as "MPICH 4.0.2" or "Open MPI v4.1.4".</summary>
    public string Version { get; }

    /// <summary>Loads the library that belongs to the launcher, or the one that the user names.</summary>
    public static MpiLibrary Load(LaunchEnvironment launch, string? explicitPath)
    {
        string[] mpich = ["libmpich.so.12", "libmpi.so.12", "libmpi_abi.so.1"];
        string[] openMpi = ["libmpi.so.40"];

        // Never plain libmpi.so: which implementation it is depends on the distribution's alternatives.
        string[] candidates = !string.IsNullOrEmpty(explicitPath) ? [explicitPath]
            : launch.Launcher == MpiLauncher.Mpich ? mpich
            : launch.Launcher == MpiLauncher.OpenMpi ? [.. openMpi, "libmpi_abi.so.1"]
            : [.. openMpi, .. mpich];

        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out var handle))
            {
                return new MpiLibrary(handle, candidate);
            }
        }

        var fix = !string.IsNullOrEmpty(explicitPath)
            ? $"correct or unset {MpiEnvironment.LibraryVariable}"
            : $"install it ({(launch.Launcher == MpiLauncher.OpenMpi ? "Debian: apt-get install openmpi-bin" : "Debian: apt-get install mpich")})"
                + $" or set {MpiEnvironment.LibraryVariable} to the library of your MPI";
        throw new MpiException(
            MpiError.LibraryNotFound,
            $"The process was started by {launch.LauncherName}, but no MPI library could be loaded (tried {string.Join(", ", candidates)}); {fix}.");
    }

    /// <summary>Throws with MPI's own text when a call did not succeed.</summary>
    public void Check(int code, string call)
    {
        if (code != 0)
        {
            throw new MpiException(MpiError.CallFailed, FailureText(code, call));
        }
    }

    /// <summary>MPI's own text about a call that did not succeed.</summary>
    public string FailureText(int code, string call) => $"{call} failed in {Version}: {ErrorText(code)}.";

    private string ErrorText(int code)
    {
        var text = stackalloc byte[TextSize];
        var length = 0;
        return _errorString(code, text, &length) == 0
            ? Encoding.UTF8.GetString(text, length).ReplaceLineEndings(" ").TrimEnd('.', ' ', '\0')
            : $"error code {code}";
    }

    private string ReadVersion()
    {
        var text = stackalloc byte[TextSize];
        var length = 0;
        Check(_getLibraryVersion(text, &length), "MPI_Get_library_version");
        return ShortVersion(Encoding.UTF8.GetString(text, length));
    }

    /// <summary>"MPICH Version:\t4.0.2\n…" and "Open MPI v4.1.4, package: …" without what follows the number.</summary>
    internal static string ShortVersion(string text)
    {
        var end = text.AsSpan().IndexOfAny(",\n\0");
        var line = end < 0 ? text : text[..end];
        return string.Join(' ', line.Replace("Version:", " ", StringComparison.Ordinal).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
