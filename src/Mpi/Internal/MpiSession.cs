using System.Diagnostics.CodeAnalysis;

namespace OrtZero.Mpi.Internal;

/// <summary>MPI in this process: started once, ended once, and whether it is still usable.</summary>
internal sealed unsafe class MpiSession
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan s_outputDelay = TimeSpan.FromMilliseconds(200);
    private static int s_started;
    private volatile string? _failure;
    private volatile bool _ended;

    private MpiSession(MpiLibrary library, LaunchEnvironment launch)
    {
        Library = library;
        Launch = launch;
    }

    public MpiLibrary Library { get; }

    public LaunchEnvironment Launch { get; }

    /// <summary>Where the ranks of this machine see what each of them does; null before it is opened, or when it cannot be.</summary>
    public CollectiveBoard? Board { get; set; }

    /// <summary>Ends through the process manager without MPI_Finalize, whatever the library. For tests.</summary>
    internal static bool ForceProcessManagerShutdown { get; set; }

    /// <summary>Loads and starts MPI and returns the communicator of all ranks.</summary>
    public static MpiCommunicator Start(LaunchEnvironment launch, string? explicitLibrary)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new MpiException(MpiError.LibraryNotFound, "MPI is supported on Linux only; run a single process without mpiexec.");
        }

        if (Interlocked.Exchange(ref s_started, 1) != 0)
        {
            throw new MpiException(MpiError.Unusable, "MPI was started in this process before; use Duplicate() of the first communicator.");
        }

        // Through libc, since Environment.SetEnvironmentVariable does not reach native code.
        _ = LibC.SetEnvironment("UCX_HANDLE_ERRORS", "none", 1);
        _ = LibC.SetEnvironment("UCX_ERROR_SIGNALS", "", 1);

        using var signals = new SignalGuard();
        var library = MpiLibrary.Load(launch, explicitLibrary);
        int provided;
        library.Check(library.InitThread(null, null, library.Abi.ThreadMultiple, &provided), "MPI_Init_thread");
        library.Check(library.CommSetErrhandler(library.Abi.World, library.Abi.ErrorsReturn), "MPI_Comm_set_errhandler");
        var session = new MpiSession(library, launch);
        int rank, size;
        library.Check(library.CommRank(library.Abi.World, &rank), "MPI_Comm_rank");
        library.Check(library.CommSize(library.Abi.World, &size), "MPI_Comm_size");
        if (launch.Size is { } launched && launched != size)
        {
            // Each process believes that it is alone, so ending MPI waits for nobody.
            _ = library.FinalizeMpi();
            throw new MpiException(MpiError.LibraryMismatch, Mismatch(library, launch, launched, size));
        }

        if (provided < library.Abi.ThreadMultiple)
        {
            throw new MpiException(
                MpiError.LibraryMismatch,
                $"{library.Path} ({library.Version}) was built without MPI_THREAD_MULTIPLE, which communication beside the training step needs; install a build with thread support.");
        }

        var (localRank, localSize) = launch is { LocalRank: { } knownRank, LocalSize: { } knownSize }
            ? (knownRank, knownSize)
            : session.FindLocalRanks(rank);
        return MpiCommunicator.OpenWorld(session, new RankPlace(rank, size, localRank, localSize));
    }

    /// <summary>Makes every later call throw: after a timeout MPI may still write into buffers of the operation that was given up.</summary>
    public void Fail(string reason) => _failure ??= reason;

    public bool IsUsable => _failure is null && !_ended;

    public void ThrowIfUnusable()
    {
        if (_failure is { } failure)
        {
            throw new MpiException(MpiError.Unusable, $"MPI cannot be used any more, call Abort: {failure}");
        }

        if (_ended)
        {
            throw new MpiException(MpiError.Unusable, "MPI has ended in this process; dispose the first communicator last.");
        }
    }

    /// <summary>Ends MPI after all ranks passed a barrier.</summary>
    public void End(MpiCommunicator world)
    {
        if (!IsUsable)
        {
            return;
        }

        var overNetwork = world.LocalSize < world.Size && Library.Version.StartsWith("MPICH 4.", StringComparison.Ordinal);
        if (ForceProcessManagerShutdown || overNetwork)
        {
            if (ProcessManagerShutdown.TryRun(Library, world.Timeout))
            {
                _ended = true;
                return;
            }
        }

        _ended = true;
        Library.Check(Library.FinalizeMpi(), "MPI_Finalize");
    }

    [DoesNotReturn]
    public void Abort(int exitCode)
    {
        var code = ArgumentChecks.ExitCode(exitCode);
        Console.Out.Flush();
        Console.Error.Flush();
        if (!_ended)
        {
            // MPICH's launcher drops what it has not read yet when told to abort, such as the error message just printed.
            Thread.Sleep(s_outputDelay);
            _ = Library.Abort(Library.Abi.World, code);
        }

        LibC.ExitNow(code);
        throw new InvalidOperationException("_exit returned.");
    }

    private static string Mismatch(MpiLibrary library, LaunchEnvironment launch, int launched, int size)
    {
        var fix = launch.Launcher switch
        {
            MpiLauncher.OpenMpi => library.Abi.Name == "Open MPI"
                ? $"set {MpiEnvironment.LibraryVariable} to the library of the Open MPI installation whose mpiexec is used"
                : $"start with mpiexec.mpich, or set {MpiEnvironment.LibraryVariable}=libmpi.so.40 (Open MPI)",
            _ => library.Abi.Name == "Open MPI"
                ? $"start with mpiexec.openmpi, or set {MpiEnvironment.LibraryVariable}=libmpich.so.12 (MPICH)"
                : $"set {MpiEnvironment.LibraryVariable} to the library of the MPI installation whose mpiexec is used",
        };
        return $"The MPI library {library.Path} ({library.Version}) does not belong to the launcher: {launch.LauncherName} started "
            + $"{launched} processes but the library sees {size}; {fix}.";
    }

    private (int Rank, int Size) FindLocalRanks(int rank)
    {
        nint shared = 0;
        int localRank, localSize;
        var abi = Library.Abi;
        Library.Check(Library.CommSplitType(abi.World, abi.CommTypeShared, rank, abi.InfoNull, &shared), "MPI_Comm_split_type");
        Library.Check(Library.CommRank(shared, &localRank), "MPI_Comm_rank");
        Library.Check(Library.CommSize(shared, &localSize), "MPI_Comm_size");
        Library.Check(Library.CommFree(&shared), "MPI_Comm_free");
        return (localRank, localSize);
    }
}
