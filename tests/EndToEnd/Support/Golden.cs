using System.Text.Json;

namespace OrtZero.EndToEnd.Support;

/// <summary>A trajectory that PyTorch computed in float64, and the job that repeats it.</summary>
internal sealed class Golden
{
    public required Func<string?, Job> NewJob { get; init; }

    /// <summary>Samples of a micro-batch in a single process and, with two ranks, on each; with four it is half of that.</summary>
    public required (int Alone, int OnEach) MicroBatch { get; init; }

    /// <summary>Micro-batches per update in a single process; with several ranks it is one.</summary>
    public int AccumulativeCounts { get; init; } = 1;

    public required double[] Losses { get; init; }

    /// <summary>Before clipping. Null: the original did not write them down.</summary>
    public double[]? GradientNorms { get; init; }

    /// <summary>The same for the export with batch normalization folded away. Null: there is none.</summary>
    public double[]? FoldedLosses { get; init; }

    /// <summary>Its gradient norms, before clipping.</summary>
    public double[]? FoldedGradientNorms { get; init; }

    public required IReadOnlyDictionary<string, NpyArray> Gradients { get; init; }

    public required IReadOnlyDictionary<string, NpyArray> FinalParameters { get; init; }

    public required double WeightDecay { get; init; }

    public required double LearningRate { get; init; }

    /// <summary>The largest element of the first gradients.</summary>
    public double LargestGradient => Gradients.Values.Max(gradient => gradient.Values.Max(Math.Abs));

    public static Golden Of(string name) => name switch
    {
        "vlm" => Vlm("constant", Job.Vlm),
        "vlm cosine" => Vlm("cosine", model => Job.Vlm(model).With("param_scheduler", """
            [ { "type": "CosineAnnealingLR", "by_epoch": false, "begin": 0, "end": 20, "T_max": 20, "eta_min": 0.0 } ]
            """)),
        "gpt_nano" => new Golden
        {
            NewJob = _ => Job.GptNano(),
            MicroBatch = (16, 8),
            WeightDecay = 0.1,
            LearningRate = 1e-3,
            Losses = NpyArray.Load(RepositoryPaths.Fixture("gpt_nano", "golden", "losses_f64.npy")).Values,
            GradientNorms = NpyArray.Load(RepositoryPaths.Fixture("gpt_nano", "golden", "grad_norms_f64.npy")).Values,
            Gradients = NpyArray.LoadArchive(RepositoryPaths.Fixture("gpt_nano", "golden", "grads_step1.npz")),
            FinalParameters = NpyArray.LoadArchive(RepositoryPaths.Fixture("gpt_nano", "golden", "params_final.npz")),
        },
        "bert" => new Golden
        {
            NewJob = _ => Job.Bert(),
            MicroBatch = (4, 2),
            WeightDecay = 0.1,
            LearningRate = 2e-3,
            Losses = Numbers(Read("zoo", "bert", "golden.json").GetProperty("losses_f64")),
            Gradients = NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", "bert", "grads_step1.npz")),
            FinalParameters = NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", "bert", "state_final.npz")),
        },
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such golden."),
    };

    /// <summary>The job as it is run with so many ranks at a ZeRO stage; the updates see the same samples either way.</summary>
    public Job JobFor(int ranks, int stage, string? model = null) => NewJob(model)
        .With("micro_batch_size", $"{(ranks == 1 ? MicroBatch.Alone : MicroBatch.OnEach * 2 / ranks)}")
        .With("optim_wrapper.accumulative_counts", $"{(ranks == 1 ? AccumulativeCounts : 1)}")
        .With("log.interval", $"{(ranks == 1 ? AccumulativeCounts : 1)}")
        .With("zero_optimization.stage3_param_persistence_threshold", "1000")
        .With("zero_optimization.stage", $"{stage}");

    private static Golden Vlm(string schedule, Func<string?, Job> job)
    {
        var run = Read("vlm", "golden", "golden.json").GetProperty("runs").GetProperty(schedule);
        var folded = Read("vlm", "golden", "folded.json").GetProperty("runs").GetProperty(schedule);
        return new Golden
        {
            NewJob = job,
            MicroBatch = (8, 8),
            AccumulativeCounts = 2,
            WeightDecay = 0.05,
            LearningRate = 1e-3,
            Losses = Numbers(run.GetProperty("losses_f64")),
            GradientNorms = Numbers(run.GetProperty("grad_norms_f64")),
            FoldedLosses = Numbers(folded.GetProperty("losses_f64")),
            FoldedGradientNorms = Numbers(folded.GetProperty("grad_norms_f64")),
            Gradients = NpyArray.LoadArchive(RepositoryPaths.Fixture("vlm", "golden", "grads_step1.npz")),
            FinalParameters = NpyArray.LoadArchive(RepositoryPaths.Fixture("vlm", "golden", $"params_final_{schedule}.npz")),
        };
    }

    private static JsonElement Read(params string[] fixture) => JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture(fixture))).RootElement;

    private static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(number => number.GetDouble())];
}
