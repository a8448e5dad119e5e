using System.Text.Json;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>One way to train a workload.</summary>
/// <param name="Workload">What is trained.</param>
/// <param name="Ranks">Processes.</param>
/// <param name="Threads">Threads of each.</param>
/// <param name="Stage">The ZeRO stage; it makes no difference to one rank.</param>
internal sealed record StepCase(Workload Workload, int Ranks, int Threads, int Stage)
{
    private static readonly double[] s_betas = [0.9, 0.95];

    internal static IEnumerable<StepCase> Of(Workload workload) =>
    [
        new StepCase(workload, Ranks: 1, Threads: 1, Stage: 0),
        new StepCase(workload, Ranks: 1, Threads: 2, Stage: 0),
        new StepCase(workload, Ranks: 2, Threads: 1, Stage: 0),
        new StepCase(workload, Ranks: 2, Threads: 1, Stage: 1),
    ];

    internal string Label => Ranks == 1 ? $"1 rank, {Threads} thread{(Threads > 1 ? "s" : "")}" : $"{Ranks} ranks, {Threads} thread each, stage {Stage}";

    /// <summary>The configuration of the run: AdamW with clipping, nothing validated, saved or logged until the end.</summary>
    internal string Configuration(string data, int iterations) => JsonSerializer.Serialize(new
    {
        model = new { path = Workload.ModelPath, loss = new { type = "cross_entropy", output = "logits", labels = "labels" } },
        data = new
        {
            train = new
            {
                type = "npy",
                fields = Workload.Fields.Keys.ToDictionary(input => input, input => Path.Combine(data, $"{input}.npy")),
                shuffle = false,
            },
        },
        train_cfg = new { max_iters = iterations },
        micro_batch_size = Workload.GlobalBatch / Ranks,
        optim_wrapper = new
        {
            type = "OptimWrapper",
            optimizer = new { type = "AdamW", lr = 1e-4, betas = s_betas, weight_decay = 0.05 },
            clip_grad = new { max_norm = 1.0 },
            paramwise_cfg = new { norm_decay_mult = 0.0, bias_decay_mult = 0.0 },
        },
        zero_optimization = new { stage = Stage },
        execution = new { provider = "cpu", intra_op_threads = Threads },
        log = new { interval = iterations, jsonl = false },
        work_dir = Path.Combine(data, "work"),
    });
}
