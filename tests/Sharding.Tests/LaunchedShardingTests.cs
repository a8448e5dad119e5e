using System.Diagnostics;
using OrtZero.Sharding.Tests.Optimizers;

namespace OrtZero.Sharding.Tests;

/// <summary>Sharded against unsharded training under the real launchers, all cells of a world size in one launch.</summary>
public sealed class LaunchedShardingTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    [Theory]
    [InlineData("mpiexec.mpich", 2)]
    [InlineData("mpiexec.mpich", 3)]
    [InlineData("mpiexec.mpich", 8)]
    [InlineData("mpiexec.openmpi", 4)]
    public async Task Every_setting_of_every_group_survives_every_stage(string launcher, int ranks) => await Launch(launcher, ranks);

    [Theory]
    [InlineData("mpiexec.mpich", 1)]
    [InlineData("mpiexec.mpich", 2)]
    [InlineData("mpiexec.mpich", 4)]
    public async Task Every_optimizer_trains_the_same_bits_at_every_stage(string launcher, int ranks)
    {
        var printed = await Launch(launcher, ranks, "optimizers");
        Assert.All(OptimizerCase.All.Keys, name => Assert.Contains($"{name} on {ranks} ranks at stages 0 to 3", printed, StringComparison.Ordinal));
    }

    private static async Task<string> Launch(string launcher, int ranks, params string[] arguments)
    {
        var start = new ProcessStartInfo(launcher) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        var host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
        string[] flags = launcher == "mpiexec.openmpi" ? ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"] : [];
        foreach (var argument in (string[])[.. flags, "-n", $"{ranks}", host, Path.Combine(AppContext.BaseDirectory, "OrtZero.ShardingProbe.dll"), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        // Open MPI gives its ranks a terminal, which .NET would set up with control sequences.
        start.Environment["TERM"] = "dumb";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var streams = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            var printed = string.Join("\n", await streams.WaitAsync(s_limit));
            await process.WaitForExitAsync().WaitAsync(s_limit);
            Assert.True(process.ExitCode == 0, printed);
            Assert.Contains($"ok on {ranks} ranks", printed, StringComparison.Ordinal);
            return printed;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
