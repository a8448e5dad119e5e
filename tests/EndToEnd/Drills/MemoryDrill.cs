using System.Globalization;
using System.Text.Json;

namespace OrtZero.EndToEnd.Drills;

/// <summary>
/// Compares the memory that ranks take with the formulas of the ZeRO paper, and with what <c>rankworker plan</c> says.
/// </summary>
/// <param name="say">Takes the lines of the report.</param>
internal sealed class MemoryDrill(Action<string> say)
{
    private const double Tolerance = 0.05;
    private const double Mebibyte = 1 << 20;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(15);

    /// <summary>A model of at least 100 million parameters, and samples so short that activations hardly count, at every stage on 1, 2 and 4
    /// ranks. The process itself is what it takes for a model with the same nodes and hardly any parameters.</summary>
    /// <returns>Whether both what is allocated and what is resident keep to the formulas.</returns>
    public bool Formulas()
    {
        using var model = Small(new LayeredModel(512, 32, 4).Save());
        using var narrow = Small(new LayeredModel(8, 32, 4).Save());
        var parameters = Plan(model, 1).GetProperty("parameters").GetProperty("trainable_elements").GetInt64();
        say(Invariant($"{parameters:N0} parameters in float32 with AdamW; MiB on the rank that holds most"));
        say("stage  ranks  formula  allocated        %  buckets  gathered  resident  of the process  difference        %  within");
        var kept = true;
        foreach (var (stage, ranks) in from stage in (int[])[0, 1, 2, 3] from ranks in (int[])[1, 2, 4] select (stage, ranks))
        {
            var process = Train(narrow, stage, ranks);
            var used = Train(model, stage, ranks);
            var formula = stage switch
            {
                0 => 16.0 * parameters,
                1 => (8.0 * parameters) + (8.0 * parameters / ranks),
                2 => (4.0 * parameters) + (12.0 * parameters / ranks),
                _ => 16.0 * parameters / ranks,
            };
            var state = State(used);
            var itself = process.Rss - State(process);
            var resident = used.Rss - itself;
            var passing = used.Buffers + used.Gathered;
            var within = Math.Abs(state - formula) <= Tolerance * formula
                && used.Allocated - used.Buffers <= (1 + Tolerance) * formula
                && resident <= ((1 + Tolerance) * formula) + passing
                && resident >= (1 - Tolerance) * formula;
            kept &= within;
            say(Invariant(
                $"{stage,5}  {ranks,5}  {formula / Mebibyte,7:0.0}  {state / Mebibyte,9:0.0}  {100 * ((state / formula) - 1),7:+0.00;-0.00}  {used.Buffers / Mebibyte,7:0.0}  {used.Gathered / Mebibyte,8:0.0}  {used.Rss / Mebibyte,8:0.0}  {itself / Mebibyte,14:0.0}  {resident / Mebibyte,10:0.0}  {100 * (((resident - passing) / formula) - 1),7:+0.00;-0.00}  {(within ? "yes" : "NO")}"));
        }

        return kept;
    }

    /// <summary>The plan of three models beside their runs on 1, 2, 4 and 8 ranks.</summary>
    /// <returns>Whether the bytes of parameters, gradients, optimizer state and checkpoint copy are the same.</returns>
    public bool Plans()
    {
        var equal = true;
        foreach (var (name, samples, create) in ((string, int, Func<Job>)[])
            [("vlm", 16, () => Job.Vlm()), ("gpt_nano", 16, Job.GptNano), ("22 million parameters", 4, () => new LayeredModel(512, 7, 128).Save())])
        {
            using var job = Small(create()).With("train_cfg.max_epochs", "9").With("checkpoint.interval", "2").With("coordinator.address", "\"none\"");
            using var small = Small(create()).With("train_cfg.max_epochs", "9").With("checkpoint.interval", "2").With("coordinator.address", "\"none\"").With("micro_batch_size", "1");
            job.With("micro_batch_size", $"{samples}");
            say($"{name}: planned and allocated bytes of a rank; activations of {samples} samples less those of one, planned and as resident memory grew");
            say("stage  ranks    parameters     gradients     optimizer    checkpoint       gathered       buffers (at most)  activations planned    resident  factor");
            foreach (var ranks in (int[])[1, 2, 4, 8])
            {
                var (plan, least) = (Plan(job, ranks).GetProperty("stages"), Plan(small, ranks).GetProperty("stages"));
                for (var stage = 0; stage < 4; stage++)
                {
                    equal &= Compare(Train(job, stage, ranks), Train(small, stage, ranks), plan[stage], least[stage], ranks);
                }
            }
        }

        return equal;
    }

    private bool Compare(Used used, Used small, JsonElement plan, JsonElement least, int ranks)
    {
        string[] keys = ["parameter_bytes", "gradient_bytes", "optimizer_bytes", "checkpoint_bytes", "gathered_bytes"];
        var same = Array.TrueForAll(keys, key => Bytes(plan, key) == Bytes(used.Memory, key));
        var planned = Bytes(plan, "activation_bytes") - Bytes(least, "activation_bytes");
        var grown = used.Rss - small.Rss;
        say(Invariant(
            $"{Bytes(plan, "stage"),5}  {ranks,5}  {string.Join("  ", keys.Select(key => $"{Bytes(used.Memory, key),12:N0}{(Bytes(plan, key) == Bytes(used.Memory, key) ? "=" : $" PLAN {Bytes(plan, key):N0}")}"))}  {used.Buffers,12:N0} ({Bytes(plan, "buffer_bytes"),10:N0})  {planned,18:N0}  {grown,10:N0}  {(double)grown / planned,6:0.00}"));
        return same;
    }

    // Buckets and prefetching small beside the model, so that they do not hide what is measured.
    private static Job Small(Job job) => job
        .With("zero_optimization.reduce_bucket_size", "1000000")
        .With("zero_optimization.stage3_prefetch_bucket_size", "1000000")
        .With("execution.intra_op_threads", "1");

    private static Used Train(Job job, int stage, int ranks)
    {
        job.With("zero_optimization.stage", $"{stage}");
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration, "--max-iters", "3"]);
        run.Wait(s_limit);
        run.Expect(0);
        var used = new Used(job.Summary.GetProperty("memory"));
        Directory.Delete(job.WorkDir, recursive: true);
        return used;
    }

    private static JsonElement Plan(Job job, int ranks)
    {
        using var run = ProgramRun.RankWorker(1, ["plan", job.Configuration, "--world-size", $"{ranks}", "--json"]);
        run.Wait(s_limit);
        run.Expect(0);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private static long Bytes(JsonElement element, string key) => element.GetProperty(key).GetInt64();

    private static long State(Used used) => used.Parameters + used.Gradients + used.Optimizer;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Used(JsonElement Memory)
    {
        public long Parameters => Bytes(Memory, "parameter_bytes");

        public long Gradients => Bytes(Memory, "gradient_bytes");

        public long Optimizer => Bytes(Memory, "optimizer_bytes");

        public long Buffers => Bytes(Memory, "buffer_bytes");

        public long Gathered => Bytes(Memory, "gathered_bytes");

        public long Allocated => Bytes(Memory, "allocated_bytes");

        public long Rss => Bytes(Memory, "peak_rss_bytes");
    }
}
