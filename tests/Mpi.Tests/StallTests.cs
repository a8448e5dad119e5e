namespace OrtZero.Mpi.Tests;

/// <summary>Runs in which ranks do not meet, under the real launchers: who is where must be said, and soon.</summary>
public sealed class StallTests
{
    public static TheoryData<string> Launchers => [MpiLaunch.Mpich, MpiLaunch.OpenMpi];

    [Theory]
    [MemberData(nameof(Launchers))]
    public void A_rank_that_does_not_come_is_named_with_what_every_rank_did_last(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 3, "stall");
        Assert.True(launch.Wait() == 9, launch.Output);
        Assert.Matches(
            @"Rank [01] of 3 waited 1 s in all-reduce sum of float32 #3 \(20 bytes\), and rank 2 has not come to it: it is stuck or far behind", launch.Output);
        Assert.Matches(
            @"  rank 2, process \d+:\n    #1 barrier 0 B, began [\d.]+ s ago, took [\d.]+ ms\n    #2 broadcast from rank 0 3 B, began [\d.]+ s ago, took [\d.]+ ms\n(?!    )",
            launch.Output);
        Assert.Matches(@"  rank 0, process \d+:\n.*\n.*\n    #3 all-reduce sum of float32 20 B, began [\d.]+ s ago, waiting\n", launch.Output);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void Another_collective_is_reported_at_once(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 3, "other-collective");
        Assert.True(launch.Wait() == 42, launch.Output);
        Assert.Matches(
            @"Rank \d calls (all-gather with 24 bytes where rank [01] calls all-reduce sum of float32 with 20|all-reduce sum of float32 with 20 bytes where rank 2 calls all-gather with 24) bytes \(operation 3 of the communicator\)",
            launch.Output);
        Assert.Matches(@"  rank 2, process \d+:\n.*\n.*\n    #3 all-gather 24 B \(updates 7\), began [\d.]+ s ago, waiting\n", launch.Output);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void Another_length_is_reported_at_once(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 2, "other-length");
        Assert.True(launch.Wait() == 42, launch.Output);
        Assert.Matches(@"Rank \d calls reduce-scatter with (80|160) bytes where rank \d calls reduce-scatter with (80|160) bytes", launch.Output);
    }

    [Fact]
    public void A_stall_on_a_duplicate_used_by_another_thread_is_reported_alike()
    {
        using var launch = new MpiLaunch(MpiLaunch.Mpich, 2, "stall-on-thread");
        Assert.True(launch.Wait() == 42, launch.Output);
        Assert.Contains("on the thread: Rank 0 of 2 waited 1 s in reduce-scatter #1 (32 bytes), and rank 1 has not come to it", launch.Output, StringComparison.Ordinal);
        Assert.Matches(@"#1 reduce-scatter 32 B \(gradients 3\), began [\d.]+ s ago, waiting \[communicator 17\]", launch.Output);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void A_rank_that_died_is_named_even_where_the_launcher_does_not_see_it(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 2, "die", outlived: true);
        Assert.True(launch.Wait() == 42, launch.Output);
        Assert.Matches(@"rank 0: Rank 1 \(process \d+\) has ended while rank 0 waits in barrier #[12] \(0 bytes\)", launch.Output);
        Assert.Matches(@"  rank 1, process \d+, which has ended:\n    #1 barrier", launch.Output);
    }

    [Theory]
    [MemberData(nameof(Launchers))]
    public void Nothing_is_left_in_shared_memory(string launcher)
    {
        using var launch = new MpiLaunch(launcher, 2, "throw");
        launch.Wait();

        // Other runs on this machine have theirs for a moment.
        var files = Directory.GetFiles(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "ortzero-*");
        Assert.All(files, file => Assert.True(SpinWait.SpinUntil(() => !File.Exists(file), TimeSpan.FromSeconds(20)), $"{file} was left"));
    }
}
