namespace OrtZero.Mpi.Tests;

public sealed class LaunchEnvironmentTests
{
    [Fact]
    public void No_variable_means_no_launcher() =>
        Assert.Equal(new LaunchEnvironment(MpiLauncher.None, 1, 0, 1), Read());

    [Fact]
    public void Open_MPI_is_found_before_the_PMIX_variables_that_it_sets() =>
        Assert.Equal(
            new LaunchEnvironment(MpiLauncher.OpenMpi, 4, 1, 2),
            Read(
                ("PMIX_RANK", "3"), ("PMI_RANK", "3"), ("OMPI_COMM_WORLD_SIZE", "4"),
                ("OMPI_COMM_WORLD_LOCAL_RANK", "1"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "2")));

    [Fact]
    public void Hydra_gives_size_and_local_ranks() =>
        Assert.Equal(
            new LaunchEnvironment(MpiLauncher.Mpich, 8, 3, 4),
            Read(("PMI_RANK", "7"), ("PMI_FD", "6"), ("PMI_SIZE", "8"), ("MPI_LOCALRANKID", "3"), ("MPI_LOCALNRANKS", "4")));

    [Theory]
    [InlineData("PMI_RANK")]
    [InlineData("PMI_FD")]
    [InlineData("PMI_SIZE")]
    public void Any_PMI_variable_means_the_MPICH_family(string name) =>
        Assert.Equal(MpiLauncher.Mpich, Read((name, "2")).Launcher);

    [Fact]
    public void A_PMIx_launcher_takes_its_size_from_Slurm() =>
        Assert.Equal(new LaunchEnvironment(MpiLauncher.Pmix, 16, null, null), Read(("PMIX_RANK", "0"), ("SLURM_STEP_NUM_TASKS", "16")));

    [Fact]
    public void A_Slurm_batch_script_without_srun_is_not_a_launcher() =>
        Assert.Equal(MpiLauncher.None, Read(("SLURM_JOB_ID", "12"), ("SLURM_PROCID", "0"), ("SLURM_NTASKS", "16")).Launcher);

    [Fact]
    public void A_size_that_is_not_a_number_is_unknown() =>
        Assert.Equal(new LaunchEnvironment(MpiLauncher.Mpich, null, null, null), Read(("PMI_RANK", "0"), ("PMI_SIZE", "many")));

    private static LaunchEnvironment Read(params (string Name, string Value)[] variables)
    {
        var environment = variables.ToDictionary(entry => entry.Name, entry => entry.Value, StringComparer.Ordinal);
        return LaunchEnvironment.Read(environment.GetValueOrDefault);
    }
}
