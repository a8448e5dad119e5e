using System.Globalization;
using System.Text;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>The measurements as Markdown.</summary>
internal static class Report
{
    private const double Mebibyte = 1 << 20;

    internal static string Write(SuiteOptions options, Machine machine, string loadAfter, IReadOnlyList<Measurement> measurements)
    {
        var text = new StringBuilder();
        text.AppendLine("# Training step");
        text.AppendLine();
        Line(text, $"- When: {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC");
        Line(text, $"- Command: `{options.Command}`");
        Line(text, $"- Machine: {machine.Processor}, {machine.Cores} cores, {machine.MemoryBytes / Mebibyte / 1024:F0} GiB, {machine.System}");
        Line(text, $"- Load averages before and after (1, 5, 15 minutes): {machine.LoadBefore}; {loadAfter}");
        Line(text, $"- OrtZero: {typeof(Report).Assembly.GetName().Version}, .NET {Environment.Version}, {measurements.Last(row => !row.IsBaseline).Version}");
        if (measurements.FirstOrDefault(row => row.IsBaseline) is { } baseline)
        {
            Line(text, $"- Baseline: PyTorch {baseline.Version}, matrix products by {string.Join(", ", baseline.Blas ?? [])}");
        }
        else
        {
            Line(text, $"- Baseline: none, PyTorch is not installed or was left out");
        }

        Line(text, $"- Median of {options.Steps} steps after warm-up in each of {options.Rounds} rounds, all of them taken together; the ways to train take turns.");
        Line(text, $"- A step: fill the batch, forward, backward, clip to norm 1, AdamW, and the ranks' agreement on going on. All ways train the same global batch.");
        Line(text, $"- Processor time (CPU ms) counts what all threads worked or spun and hardly depends on the load of the machine; the time on the clock does.");
        foreach (var workload in options.Workloads)
        {
            Table(text, workload, [.. measurements.Where(row => row.Workload == workload)]);
        }

        return text.ToString();
    }

    private static void Table(StringBuilder text, Workload workload, IReadOnlyList<Measurement> rows)
    {
        var best = rows.Where(row => row.IsBaseline).MinBy(row => row.MedianSeconds);
        text.AppendLine();
        Line(text, $"## {workload.Name}, {workload.GlobalBatch} samples per step{(workload.UnitsPerSample > 1 ? $" of {workload.UnitsPerSample} {workload.Unit}" : "")}");
        text.AppendLine();
        Line(text, $"| | ms/step | 10 % to 90 % | CPU ms/step, all ranks | {workload.Unit}/s | speed against {best?.Label ?? "PyTorch"} | peak RSS per rank, MiB | managed bytes per step | first loss |");
        text.AppendLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var row in rows)
        {
            var speed = best is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{best.MedianSeconds / row.MedianSeconds:F2}x");
            var rss = string.Join(" + ", row.PeakRss.Select(bytes => string.Create(CultureInfo.InvariantCulture, $"{bytes / Mebibyte:F0}")));
            var managed = row.AllocatedBytesPerStep is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes:F0} ({row.Collections} collections)") : "";
            Line(
                text,
                $"| {row.Label} | {row.MedianSeconds * 1000:F2} | {row.Quantile(0.1) * 1000:F2} to {row.Quantile(0.9) * 1000:F2} | {row.CpuSeconds * 1000:F2} | {row.UnitsPerSecond:F0} | {speed} | {rss} | {managed} | {row.FirstLoss:F6} |");
        }
    }

    private static void Line(StringBuilder text, FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
}
