using System.Diagnostics;
using System.Globalization;

namespace OrtZero.Training;

/// <summary>What this process uses of main memory.</summary>
public static class ProcessMemory
{
    private const string LinuxStatus = "/proc/self/status";

    /// <summary>
    /// The most bytes this process ever had resident: VmHWM of /proc/self/status on Linux, what the runtime knows of the process
    /// elsewhere.
    /// </summary>
    public static long PeakRssBytes()
    {
        if (File.Exists(LinuxStatus))
        {
            foreach (var line in File.ReadLines(LinuxStatus))
            {
                if (ParsePeak(line) is { } bytes)
                {
                    return bytes;
                }
            }
        }

        using var process = Process.GetCurrentProcess();
        // macOS reports no peak; what is resident now is the nearest there is.
        return Math.Max(process.PeakWorkingSet64, process.WorkingSet64);
    }

    /// <summary>Reads "VmHWM:     5404 kB"; null for other lines.</summary>
    internal static long? ParsePeak(string line)
    {
        const string Key = "VmHWM:";
        return line.StartsWith(Key, StringComparison.Ordinal)
            && line.EndsWith(" kB", StringComparison.Ordinal)
            && long.TryParse(line.AsSpan(Key.Length, line.Length - Key.Length - 3), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out var kilobytes)
                ? kilobytes * 1024
                : null;
    }
}
