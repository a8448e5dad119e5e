using System.Globalization;
using System.Text.RegularExpressions;

namespace OrtZero.EndToEnd.Drills;

/// <summary>
/// How long an iteration of gpt_nano takes on two ranks, and which share of the communication is hidden, with and without
/// zero_optimization.overlap_comm and stage3_prefetch_bucket_size. Settings take turns, so that other work on the machine meets all alike.
/// </summary>
internal sealed partial class OverlapTable(int rounds, Action<string> say)
{
    private static readonly (int Stage, bool Overlap, long Prefetch)[] s_settings =
        [(0, false, 0), (0, true, 0), (1, false, 0), (1, true, 0), (2, false, 0), (2, true, 0), (3, false, 0), (3, true, 0), (3, true, 5_000_000)];

    public void Run()
    {
        var measured = s_settings.ToDictionary(setting => setting, _ => new List<(double Iteration, double Share)>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var setting in s_settings)
            {
                measured[setting].Add(Measure(setting));
            }
        }

        say("stage  overlap_comm  stage3_prefetch_bucket_size  iteration, ms: median  best  communication hidden");
        foreach (var (stage, overlap, prefetch) in s_settings)
        {
            var rows = measured[(stage, overlap, prefetch)];
            double[] times = [.. rows.Select(row => row.Iteration).Order()];
            double[] shares = [.. rows.Select(row => row.Share).Order()];
            say(string.Create(
                CultureInfo.InvariantCulture,
                $"{stage,5}  {(overlap ? "true" : "false"),12}  {(stage == 3 ? $"{prefetch}" : "-"),27}  {times[times.Length / 2],21:0.00}  {times[0],4:0.00}  {shares[shares.Length / 2],20:0}%"));
        }
    }

    // Small buckets and few samples, so that there is something to overlap.
    private static (double Iteration, double Share) Measure((int Stage, bool Overlap, long Prefetch) setting)
    {
        using var job = Job.GptNano()
            .With("micro_batch_size", "4").With("train_cfg", """{ "max_iters": 80 }""").With("log", """{ "interval": 80, "trace": true }""")
            .With("zero_optimization", $$"""
                { "stage": {{setting.Stage}}, "overlap_comm": {{(setting.Overlap ? "true" : "false")}}, "reduce_bucket_size": 100000,
                  "stage3_prefetch_bucket_size": {{setting.Prefetch}}, "stage3_param_persistence_threshold": 1000 }
                """);
        ProgramRun.Train(2, job.Configuration);
        using var printed = ProgramRun.RankWorker(1, ["trace", job.WorkDir]);
        printed.Expect(0);
        var row = Row().Match(printed.Output);
        return (Number(row.Groups[1]), Number(row.Groups[2]));
    }

    private static double Number(Group group) => double.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\n +0 +([\d.]+) ms +[\d.]+ ms +[\d.]+ ms +([\d.]+)%")]
    private static partial Regex Row();
}
