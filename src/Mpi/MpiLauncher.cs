namespace OrtZero.Mpi;

/// <summary>What started this process, as far as MPI is concerned.</summary>
public enum MpiLauncher
{
    /// <summary>No MPI launcher: the process is alone and no MPI library is loaded.</summary>
    None,

    /// <summary>Open MPI's mpiexec (mpirun, prterun).</summary>
    OpenMpi,

    /// <summary>A launcher that speaks PMI: mpiexec of MPICH, Intel MPI or MVAPICH, or srun with --mpi=pmi2.</summary>
    Mpich,

    /// <summary>A launcher that speaks PMIx without being Open MPI's: srun with --mpi=pmix.</summary>
    Pmix,
}
