using System.Runtime.InteropServices;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>What the numbers were measured on.</summary>
/// <param name="Processor">The model name of the processor.</param>
/// <param name="Cores">How many of its cores this process may use.</param>
/// <param name="MemoryBytes">Main memory.</param>
/// <param name="System">The operating system.</param>
/// <param name="LoadBefore">The load averages of the last 1, 5 and 15 minutes before the measurement.</param>
internal sealed record Machine(string Processor, int Cores, long MemoryBytes, string System, string LoadBefore)
{
    internal static Machine Read() => new(
        ProcessorName(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, RuntimeInformation.OSDescription, LoadAverage());

    internal static string LoadAverage() =>
        File.Exists("/proc/loadavg") ? string.Join(", ", File.ReadAllText("/proc/loadavg").Split(' ')[..3]) : "unknown";

    private static string ProcessorName()
    {
        const string Key = "model name";
        var line = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal))
            : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
