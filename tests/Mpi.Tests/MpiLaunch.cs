using System.Diagnostics;
using System.Text;

namespace OrtZero.Mpi.Tests;

/// <summary>One run of the probe under an mpiexec. Disposing ends whatever is left of it.</summary>
internal sealed class MpiLaunch : IDisposable
{
    public const string Mpich = "mpiexec.mpich";
    public const string OpenMpi = "mpiexec.openmpi";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    public MpiLaunch(string launcher, int ranks, string mode, string? library = null, bool outlived = false)
    {
        var start = new ProcessStartInfo(launcher) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        string[] flags = launcher == OpenMpi ? ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"] : [];
        // A shell that lives on keeps the launcher from seeing that a rank died.
        string[] wrapper = outlived ? ["sh", "-c", "\"$@\"; sleep 60", "sh"] : [];
        string[] arguments = [.. flags, "-n", $"{ranks}", .. wrapper, Host(), Path.Combine(AppContext.BaseDirectory, "OrtZero.MpiProbe.dll"), mode];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // Open MPI gives its ranks a terminal, which .NET would set up with control sequences.
        start.Environment["TERM"] = "dumb";
        start.Environment["PROBE_ID"] = Guid.NewGuid().ToString("N");
        start.Environment[MpiEnvironment.LibraryVariable] = library ?? "";
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Everything printed so far, both streams, without carriage returns.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Waits for the end and returns mpiexec's exit code.</summary>
    public int Wait()
    {
        if (!_process.WaitForExit(s_limit))
        {
            throw new TimeoutException($"mpiexec did not end within {s_limit}; it printed: {Output}");
        }

        // Without a limit it also waits for the last lines.
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>Waits until each rank has printed its process id; in rank order.</summary>
    public int[] WaitForProcessIds(int ranks)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var ids = Output.Split('\n').Select(line => line.Split(' '))
                .Where(words => words is ["pid", _, _]).OrderBy(words => int.Parse(words[1])).Select(words => int.Parse(words[2])).ToArray();
            if (ids.Length == ranks)
            {
                return ids;
            }

            if (watch.Elapsed > s_limit || _process.HasExited)
            {
                throw new TimeoutException($"Not all ranks started; mpiexec printed: {Output}");
            }

            Thread.Sleep(20);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private static string Host() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";

    private void Append(string? line)
    {
        lock (_output)
        {
            if (line is not null)
            {
                _output.Append(line.Replace("\r", "", StringComparison.Ordinal)).Append('\n');
            }
        }
    }
}
