using System.Globalization;

namespace OrtZero.Mpi;

/// <summary>What the environment variables of an MPI launcher say about this process.</summary>
/// <param name="Launcher">Who started the process.</param>
/// <param name="Size">Number of processes; null if the launcher does not say.</param>
/// <param name="LocalRank">Number among the processes of this machine; null if the launcher does not say.</param>
/// <param name="LocalSize">Number of processes on this machine; null if the launcher does not say.</param>
public sealed record LaunchEnvironment(MpiLauncher Launcher, int? Size, int? LocalRank, int? LocalSize)
{
    /// <summary>The launcher's name as it appears in messages.</summary>
    public string LauncherName => Launcher switch
    {
        MpiLauncher.OpenMpi => "Open MPI's mpiexec",
        MpiLauncher.Mpich => "MPICH's mpiexec (or another that speaks PMI)",
        MpiLauncher.Pmix => "a PMIx launcher",
        _ => "no MPI launcher",
    };

    /// <summary>Reads the environment of this process.</summary>
    public static LaunchEnvironment Read() => Read(Environment.GetEnvironmentVariable);

    /// <summary>Reads an environment given as a function from name to value (null when unset).</summary>
    public static LaunchEnvironment Read(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);

        // Open MPI sets PMIX_RANK as well, and a PMI launcher may run inside its jobs: OMPI_* decides first.
        if (Number("OMPI_COMM_WORLD_SIZE") is { } ompiSize)
        {
            return new(MpiLauncher.OpenMpi, ompiSize, Number("OMPI_COMM_WORLD_LOCAL_RANK"), Number("OMPI_COMM_WORLD_LOCAL_SIZE"));
        }

        if (IsSet("PMI_RANK") || IsSet("PMI_FD") || IsSet("PMI_SIZE"))
        {
            return new(MpiLauncher.Mpich, Number("PMI_SIZE"), Number("MPI_LOCALRANKID"), Number("MPI_LOCALNRANKS"));
        }

        return IsSet("PMIX_RANK")
            ? new(MpiLauncher.Pmix, Number("SLURM_STEP_NUM_TASKS"), null, null)
            : new(MpiLauncher.None, 1, 0, 1);

        bool IsSet(string name) => !string.IsNullOrEmpty(variable(name));
        int? Number(string name) =>
            int.TryParse(variable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
