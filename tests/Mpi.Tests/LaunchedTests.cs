using System.Diagnostics;

namespace OrtZero.Mpi.Tests;

/// <summary>The probe under the real launchers of both implementations, which scripts/test installs.</summary>
public sealed class LaunchedTests
{
    public static TheoryData<string> Launchers => [MpiLaunch.Mpich, MpiLaunch.OpenMpi];

    [Theory]
    [InlineData(MpiLaunch.Mpich, 1)]
    [InlineData(MpiLaunch.Mpich, 2)]
    [InlineData(MpiLaunch.Mpich, 3)]
    [InlineData(MpiLaunch.Mpich, 4)]
    [InlineData(MpiLaunch.OpenMpi, 1)]
    [InlineData(MpiLaunch.OpenMpi, 2)]
    [InlineData(MpiLaunch.OpenMpi, 3)]
    [InlineData(MpiLaunch.OpenMpi, 4)]
    public void Every_collective_gives_the_right_values_on_every_rank(string launcher, int ranks)
    {
        using var launch = new MpiLaunch(launcher, ranks, "checks");
        Assert.True(launch.Wait() == 0, launch.Output);
        var name = launcher == MpiLaunch.Mpich ? "MPICH" : "Open MPI";
        Assert.Matches($@"(?m)^ok \d\d checks, rank 0 of {ranks} \(0 of {ranks} on this machine\), {name} ", launch.Output);
    }

    [Theory]
    [InlineData(MpiLaunch.Mpich, "libmpi.so.40", "Open MPI", "start with mpiexec.openmpi, or set ORTZERO_MPI_LIBRARY=libmpich.so.12")]
    [InlineData(MpiLaunch.OpenMpi, "libmpich.so.12", "MPICH", "start with mpiexec.mpich, or set ORTZERO_MPI_LIBRARY=libmpi.so.40")]
    public void A_library_of_another_implementation_is_refused(string launcher, string library, string implementation, string fix)
    {
        using var launch = new MpiLaunch(launcher, 2, "checks", library);
        Assert.True(launch.Wait() == 4, launch.Output);
        Assert.Contains($"LibraryMismatch: The MPI library {library} ({implementation} ", launch.Output, StringComparison.Ordinal);
        Assert.Contains("started 2 processes but the library sees 1", launch.Output, StringComparison.Ordinal);
        Assert.Contains(fix, launch.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MpiLaunch.Mpich, "libmpich.so.12")]
    [InlineData(MpiLaunch.OpenMpi, "libmpi.so.40")]
    public void The_library_that_the_user_names_is_loaded(string launcher, string library)
    {
        using var launch = new MpiLaunch(launcher, 2, "checks", library);
        Assert.True(launch.Wait() == 0, launch.Output);
        Assert.Contains($" from {library}\n", launch.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void A_library_that_does_not_exist_is_named(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 1, "checks", "libmissing.so");
        Assert.True(launch.Wait() == 4, launch.Output);
        Assert.Contains("(tried libmissing.so); correct or unset ORTZERO_MPI_LIBRARY.", launch.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void A_file_that_is_not_MPI_is_named(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 1, "checks", "libc.so.6");
        Assert.True(launch.Wait() == 4, launch.Output);
        Assert.Contains("libc.so.6 has no MPI_Init_thread", launch.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void Abort_ends_all_ranks_with_its_exit_code(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 3, "throw");
        Assert.True(launch.Wait() == 42, launch.Output);
        Assert.Contains("rank 2: the last rank fails on purpose", launch.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void Abort_works_after_an_exception_disposed_the_communicator(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 2, "throw-while-using");
        Assert.True(launch.Wait() == 43, launch.Output);
    }

    [Theory]
    [InlineData(MpiLaunch.Mpich, "crash")]
    [InlineData(MpiLaunch.OpenMpi, "crash")]
    [InlineData(MpiLaunch.Mpich, "leave")]
    [InlineData(MpiLaunch.OpenMpi, "leave")]
    public void A_rank_that_ends_without_abort_ends_the_run(string launcher, string mode)
    {
        using var launch = new MpiLaunch(launcher, 2, mode);
        Assert.True(launch.Wait() != 0, launch.Output);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void A_killed_rank_takes_the_others_with_it(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 3, "wait-for-kill");
        var ids = launch.WaitForProcessIds(3);
        using (var victim = Process.GetProcessById(ids[2]))
        {
            victim.Kill();
        }

        Assert.True(launch.Wait() != 0, launch.Output);
        Assert.All(ids, id => Assert.True(SpinWait.SpinUntil(() => IsGone(id), TimeSpan.FromSeconds(20)), $"process {id} still runs"));
    }

    [Fact]
    public void Leaving_through_the_process_manager_keeps_the_exit_code()
    {
        using var launch = new MpiLaunch(MpiLaunch.Mpich, 3, "farewell");
        Assert.True(launch.Wait() == 7, launch.Output);
    }

    /// <summary>A process that has ended stays in /proc until its parent, which after mpiexec is the system's first process, asks.</summary>
    private static bool IsGone(int id)
    {
        try
        {
            var state = File.ReadAllText($"/proc/{id}/stat");
            return state[state.LastIndexOf(')') + 2] is 'Z' or 'X';
        }
        catch (IOException)
        {
            return true;
        }
    }
}
