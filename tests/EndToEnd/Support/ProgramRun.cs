using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace OrtZero.EndToEnd.Support;

/// <summary>
/// A started program with both its streams. Every process that descends from it carries a mark in its environment, by which
/// those that outlive it are found. Disposing ends whatever is left.
/// </summary>
internal sealed class ProgramRun : IDisposable
{
    /// <summary>The exit code of a run that saved a checkpoint because it was told to stop.</summary>
    public const int Stopped = 75;

    private const string Mark = "ORTZERO_TEST_RUN";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private ProgramRun(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment, string? folder)
    {
        // A shell starts what it puts in the background with SIGINT ignored, and children inherit that; env undoes it and becomes the program.
        var start = new ProcessStartInfo("env")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? RepositoryPaths.Root,
        };
        foreach (var argument in arguments.Prepend(program).Prepend("--default-signal=INT"))
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment[Mark] = _id;
        // As on a fresh login, whatever the shell of whoever runs the tests has set.
        start.Environment.Remove("ORTZERO_ORT_LIBRARY");
        start.Environment.Remove("ORTZERO_MPI_LIBRARY");
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Append(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Append(_error, line.Data);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int ProcessId => _process.Id;

    public string Output => Read(_output);

    public string Error => Read(_error);

    public int ExitCode => _process.ExitCode;

    /// <summary>The memory of a program that was started without a launcher.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public bool HasEnded => _process.HasExited;

    /// <summary>Everything there is to know when a check failed.</summary>
    public string Transcript =>
        $"exit code {(_process.HasExited ? _process.ExitCode.ToString(CultureInfo.InvariantCulture) : "none yet")}\n--- output\n{Output}\n--- error\n{Error}";

    /// <summary>Starts a program.</summary>
    public static ProgramRun Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null, string? folder = null) =>
        new(program, arguments, environment, folder);

    /// <summary>Starts <c>rankworker</c> alone, or with more than one rank under MPICH's mpiexec.</summary>
    public static ProgramRun RankWorker(int ranks, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null) =>
        ranks == 1
            ? Start(Published.RankWorker, arguments, environment)
            : Start("mpiexec.mpich", ["-n", $"{ranks}", Published.RankWorker, .. arguments], environment);

    /// <summary>Runs <c>rankworker</c> to its end, which must be a good one.</summary>
    public static ProgramRun Train(int ranks, params string[] arguments)
    {
        using var run = RankWorker(ranks, arguments);
        run.Expect(0);
        return run;
    }

    /// <summary>Waits for the end of the program and checks its exit code.</summary>
    public ProgramRun Expect(int exitCode)
    {
        Wait();
        Assert.True(_process.ExitCode == exitCode, $"Expected exit code {exitCode}: {Transcript}");
        return this;
    }

    /// <summary>Waits for the end of the program and of its streams.</summary>
    public int Wait(TimeSpan? limit = null)
    {
        if (!_process.WaitForExit(limit ?? s_limit))
        {
            throw new TimeoutException($"Not done within {limit ?? s_limit}: {Transcript}");
        }

        // Without a limit it also waits for the last lines.
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>Waits until a condition holds while the program runs.</summary>
    public void WaitUntil(Func<ProgramRun, bool> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!condition(this))
        {
            if (_process.HasExited || watch.Elapsed > s_limit)
            {
                throw new TimeoutException($"Waited in vain for {what}: {Transcript}");
            }

            Thread.Sleep(20);
        }
    }

    /// <summary>Sends a signal, such as "INT", to a process of this run.</summary>
    public void Signal(string signal, int? processId = null)
    {
        using var kill = Process.Start("sh", ["-c", $"kill -{signal} {processId ?? _process.Id}"]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>The processes of this run that exist now and whose command line contains a text.</summary>
    public IReadOnlyList<int> Processes(string text = "")
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)
                && ReadProc(id, "environ").Contains($"{Mark}={_id}", StringComparison.Ordinal)
                && ReadProc(id, "cmdline").Contains(text, StringComparison.Ordinal))
            {
                found.Add(id);
            }
        }

        return found;
    }

    /// <summary>The processes of this run that are ranks, not launchers, with their numbers.</summary>
    public IReadOnlyList<(int Rank, int ProcessId)> Ranks() =>
    [
        .. Processes().Where(id => ReadProc(id, "comm").Trim() == "rankworker").Select(id => (RankOf(id), id)).Order(),
    ];

    /// <summary>Ends every process of this run at once, as a loss of power would.</summary>
    public void KillAll()
    {
        foreach (var process in Processes())
        {
            TryKill(process);
        }

        ExpectNothingLeft(TimeSpan.FromSeconds(30));
    }

    /// <summary>Ends a process with SIGKILL.</summary>
    /// <returns>Whether it was still there.</returns>
    public static bool TryKill(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // It ended by itself in the meantime.
            return false;
        }
    }

    /// <summary>Waits until no process of this run exists any more.</summary>
    public void ExpectNothingLeft(TimeSpan limit)
    {
        var watch = Stopwatch.StartNew();
        while (Processes() is { Count: > 0 } left)
        {
            Assert.True(watch.Elapsed < limit, $"Processes {string.Join(", ", left)} are still there: {Transcript}");
            Thread.Sleep(50);
        }
    }

    public void Dispose()
    {
        foreach (var left in Processes())
        {
            TryKill(left);
        }
    }

    private static int RankOf(int id) => ReadProc(id, "environ").Split('\0').FirstOrDefault(entry => entry.StartsWith("PMI_RANK=", StringComparison.Ordinal)) is { } entry
        ? int.Parse(entry.AsSpan("PMI_RANK=".Length), CultureInfo.InvariantCulture)
        : 0;

    private static string ReadProc(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A process that is gone or another user's is none of this run's.
            return "";
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.Append(line).Append('\n');
            }
        }
    }
}
