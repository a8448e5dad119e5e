using OrtZero.Mpi.Internal;

namespace OrtZero.Mpi;

/// <summary>Starts MPI for this process.</summary>
public static class MpiEnvironment
{
    /// <summary>Names an MPI library to load instead of the one that belongs to the launcher (a path or a file name).</summary>
    public const string LibraryVariable = "ORTZERO_MPI_LIBRARY";

    /// <summary>Whether an MPI launcher started this process.</summary>
    public static bool IsLaunched => LaunchEnvironment.Read().Launcher != MpiLauncher.None;

    /// <summary>
    /// The communicator of all processes that the launcher started. Without a launcher it is a
    /// <see cref="SingleProcessCommunicator"/> and no MPI library is loaded. Disposing it ends MPI, which cannot be started again.
    /// </summary>
    /// <exception cref="MpiException">No library, one that does not belong to the launcher, or MPI was started before.</exception>
    public static ICommunicator Initialize()
    {
        var launch = LaunchEnvironment.Read();
        return launch.Launcher == MpiLauncher.None
            ? new SingleProcessCommunicator()
            : MpiSession.Start(launch, Environment.GetEnvironmentVariable(LibraryVariable));
    }
}
