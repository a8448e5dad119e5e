using System.Globalization;

namespace OrtZero.Mpi.Internal;

/// <summary>What /proc says of processes.</summary>
internal static class ProcessState
{
    /// <summary>The number of this process's namespace of process ids; 0 where there is none.</summary>
    public static long Namespace { get; } = ReadNamespace();

    /// <summary>Whether a process has ended; one that nobody asked for its exit code yet has, too.</summary>
    public static bool IsGone(int processId)
    {
        try
        {
            // "4711 (name) S …", where the name may hold anything.
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            return stat[stat.LastIndexOf(')') + 2] is 'Z' or 'X';
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return Directory.Exists("/proc/self");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is read while it ends ("no such process"), or belongs to somebody else: the next look tells.
            return false;
        }
    }

    private static long ReadNamespace()
    {
        try
        {
            // "pid:[4026531836]"
            var target = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
            var digits = target.AsSpan(target.IndexOf('[', StringComparison.Ordinal) + 1).TrimEnd(']');
            return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
