using System.Globalization;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>Measures everything in turn, round after round, so that a busy minute of the machine hurts all alike.</summary>
internal static class Suite
{
    private static readonly int[] s_baselineThreads = [1, 2];

    internal static int Run(SuiteOptions options)
    {
        var python = options.Python is { } candidate && Launcher.HasTorch(candidate) ? candidate : null;
        var machine = Machine.Read();
        var measurements = new List<Measurement>();
        foreach (var workload in options.Workloads)
        {
            measurements.AddRange(Measure(workload, options, python));
        }

        var report = Report.Write(options, machine, Machine.LoadAverage(), measurements);
        Console.WriteLine(report);
        var path = Path.Combine(options.Output, $"{DateTime.Now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}-step.md");
        Directory.CreateDirectory(options.Output);
        File.WriteAllText(path, report);
        Console.WriteLine($"Written to {path}");
        return 0;
    }

    private static List<Measurement> Measure(Workload workload, SuiteOptions options, string? python)
    {
        var data = Directory.CreateTempSubdirectory("ortzero-benchmark-").FullName;
        try
        {
            workload.WriteData(data);
            var cases = StepCase.Of(workload).Select(step => (Step: step, Measurement: new Measurement(workload, $"OrtZero, {step.Label}", isBaseline: false))).ToList();
            var baselines = python is null ? [] : s_baselineThreads.Select(threads => (Threads: threads, Measurement: new Measurement(
                workload, $"PyTorch, {threads} thread{(threads > 1 ? "s" : "")}", isBaseline: true))).ToList();
            for (var round = 0; round < options.Rounds; round++)
            {
                foreach (var (step, measurement) in cases)
                {
                    measurement.Add(Launcher.Train(step, options.Steps, data));
                    Progress(round, options, measurement);
                }

                foreach (var (threads, measurement) in baselines)
                {
                    measurement.Add([Launcher.TrainBaseline(python!, workload, threads, options.Steps, cases[0].Measurement.FirstLoss, data)]);
                    Progress(round, options, measurement);
                }
            }

            return [.. cases.Select(pair => pair.Measurement), .. baselines.Select(pair => pair.Measurement)];
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static void Progress(int round, SuiteOptions options, Measurement measurement) => Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"round {round + 1}/{options.Rounds}  {measurement.Workload.Name,-9} {measurement.Label,-40} {measurement.MedianSeconds * 1000,9:F2} ms/step"));
}
