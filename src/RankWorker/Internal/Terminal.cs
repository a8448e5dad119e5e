using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace OrtZero.RankWorker.Internal;

/// <summary>
/// Whether a person watches. Under mpiexec a rank writes into a pipe that the launcher copies to its own output, so what
/// counts is whether the launcher's output is a terminal.
/// </summary>
internal static class Terminal
{
    private static readonly string[] s_launchers = ["mpiexec", "mpirun", "hydra", "orterun", "prterun", "orted", "prted", "srun", "slurmstepd"];

    /// <summary>Whether standard output ends on a terminal.</summary>
    internal static bool IsWatched { get; } =
        Environment.GetEnvironmentVariable("TERM") != "dumb" && (!Console.IsOutputRedirected || LauncherTerminal() is not null);

    /// <summary>Columns of the terminal, or 120 where nobody says.</summary>
    internal static int Width { get; } = FindWidth();

    private static int FindWidth()
    {
        if (!Console.IsOutputRedirected && Console.WindowWidth > 0)
        {
            return Console.WindowWidth;
        }

        if (LauncherTerminal() is { } terminal && AskWidth(terminal) is { } columns)
        {
            return columns;
        }

        return int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), CultureInfo.InvariantCulture, out var told) && told > 20 ? told : 120;
    }

    // The terminal belongs to the launcher, so the console API cannot be asked: "24 80" is what stty answers.
    private static int? AskWidth(string terminal)
    {
        try
        {
            using var stty = Process.Start(new ProcessStartInfo("stty", ["-F", terminal, "size"]) { RedirectStandardOutput = true, RedirectStandardError = true });
            var answer = stty!.StandardOutput.ReadToEnd().Split(' ', StringSplitOptions.TrimEntries);
            return answer.Length == 2 && int.TryParse(answer[1], CultureInfo.InvariantCulture, out var columns) && columns > 20 ? columns : null;
        }
        catch (Exception exception) when (exception is Win32Exception or IOException)
        {
            // Without stty the usual width has to do.
            return null;
        }
    }

    // Walks up from this process as long as its ancestors are parts of a launcher; the last one's output is the user's.
    private static string? LauncherTerminal()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        string? found = null;
        for (var process = ParentOf("self"); process is not null && IsLauncher(process); process = ParentOf(process))
        {
            found = File.ResolveLinkTarget($"/proc/{process}/fd/1", returnFinalTarget: false)?.FullName is { } target
                && (target.StartsWith("/dev/pts/", StringComparison.Ordinal) || target.StartsWith("/dev/tty", StringComparison.Ordinal))
                    ? target
                    : null;
        }

        return found;
    }

    private static bool IsLauncher(string process)
    {
        try
        {
            var name = File.ReadAllText($"/proc/{process}/comm").Trim();
            return Array.Exists(s_launchers, launcher => name.StartsWith(launcher, StringComparison.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A process that is gone or is somebody else's is not this run's launcher.
            return false;
        }
    }

    private static string? ParentOf(string process)
    {
        try
        {
            // "pid (name) state ppid …"; the name may hold spaces and brackets.
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
