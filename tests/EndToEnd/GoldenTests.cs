using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>The main job against PyTorch's float64 runs: alone and on two ranks, at every stage.</summary>
public sealed class GoldenTests(ITestOutputHelper output)
{
    private readonly GoldenChecks _checks = new(output);

    public static TheoryData<string, int, int> Trajectories
    {
        get
        {
            var cases = new TheoryData<string, int, int>();
            foreach (var stage in (int[])[0, 1, 2, 3])
            {
                cases.Add("vlm", 1, stage);
                cases.Add("vlm", 2, stage);
                // Two ranks without accumulation would step the schedule half as often as the golden did.
                cases.Add("vlm cosine", 1, stage);
                cases.Add("gpt_nano", 1, stage);
                cases.Add("gpt_nano", 2, stage);
                cases.Add("bert", 1, stage);
                cases.Add("bert", 2, stage);
            }

            // The more ranks, the longer it takes to start them; FourRankGoldenTests does the others in one start.
            cases.Add("vlm", 4, 3);
            return cases;
        }
    }

    public static TheoryData<string, int, int> FirstUpdates
    {
        get
        {
            var cases = new TheoryData<string, int, int>();
            foreach (var (name, ranks, stage) in from name in (string[])["vlm", "gpt_nano", "bert"]
                                                 from ranks in (int[])[1, 2]
                                                 from stage in (int[])[0, 1, 2, 3]
                                                 select (name, ranks, stage))
            {
                cases.Add(name, ranks, stage);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Trajectories))]
    public void Losses_norms_and_final_parameters_follow_pytorch(string name, int ranks, int stage)
    {
        var golden = Golden.Of(name);
        using var job = golden.JobFor(ranks, stage);
        ProgramRun.Train(ranks, job.Configuration);

        _checks.AssertTrajectory(golden, job);
    }

    [Theory]
    [MemberData(nameof(FirstUpdates))]
    public void Gradients_of_the_first_update_follow_pytorch(string name, int ranks, int stage)
    {
        var golden = Golden.Of(name);
        using var job = golden.JobFor(ranks, stage);
        var file = job.PathOf("gradients.safetensors");
        ProgramRun.Train(ranks, "gradients", job.Configuration, "--out", file);

        _checks.AssertGradients(golden.Gradients, GoldenChecks.ReadGradients(file));
    }

    /// <summary>
    /// What torch.onnx.export makes of the same model by default: weights renamed and transposed, equal ones merged, batch
    /// normalization folded into the convolution before it. Without the two parameters of the batch normalization it follows a
    /// trajectory of its own, which PyTorch computed for it in float64; it leaves the whole model's by 2.2e-5 of the loss within
    /// ten updates.
    /// </summary>
    [Theory]
    [InlineData("vlm", 1, 0)]
    [InlineData("vlm", 1, 1)]
    [InlineData("vlm", 2, 0)]
    [InlineData("vlm", 2, 1)]
    [InlineData("vlm cosine", 1, 0)]
    [InlineData("vlm cosine", 1, 1)]
    public void The_folded_export_follows_pytorch(string name, int ranks, int stage)
    {
        var golden = Golden.Of(name);
        using var job = golden.JobFor(ranks, stage, "vlm_default_export.onnx");
        ProgramRun.Train(ranks, job.Configuration);
        var losses = job.Losses();
        var norms = job.Metrics.Select(line => line.GetProperty("grad_norm").GetDouble()).ToArray();
        _checks.Report($"loss error {Errors.Relative(losses, golden.FoldedLosses!):0.0e+0}, of the whole model's {Errors.Relative(losses, golden.Losses):0.0e+0}");
        Assert.InRange(Errors.Relative(losses, golden.FoldedLosses!), 0, GoldenChecks.LossTolerance);
        Assert.InRange(Errors.Relative(norms, golden.FoldedGradientNorms!), 0, GoldenChecks.GradientTolerance);

        var file = job.PathOf("gradients.safetensors");
        ProgramRun.Train(ranks, "gradients", job.Configuration, "--out", file);
        var gradients = FoldedExport.ToPyTorch(FoldedExport.Parameters(job), name => GoldenChecks.ReadGradients(file)[name.Name]);
        // In the folded convolution's bias the batch normalization's lives on; its scale is in the weight.
        _checks.AssertGradients(golden.Gradients.Where(gradient => !gradient.Key.Contains(".bn.", StringComparison.Ordinal)).ToDictionary(), gradients);
    }

    /// <summary>With all frozen that folding touched, the two exports are the same model.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public void Both_exports_train_alike_where_folding_changed_nothing(int ranks, int stage)
    {
        var golden = Golden.Of("vlm");
        using var plain = golden.JobFor(1, 0).With("model.frozen", """["visual_encoder.patch", "visual_encoder.bn"]""");
        using var folded = golden.JobFor(ranks, stage, "vlm_default_export.onnx").With("model.frozen", """["visual_encoder.patch"]""");
        ProgramRun.Train(1, plain.Configuration);
        ProgramRun.Train(ranks, folded.Configuration);

        var lossError = Errors.Relative(folded.Losses(), plain.Losses());
        _checks.Report($"loss error {lossError:0.0e+0}");
        Assert.InRange(lossError, 0, 1e-6);
        var original = folded.TrainedParameters();
        var trained = FoldedExport.ToPyTorch(
            FoldedExport.Parameters(folded), parameter => original.GetValueOrDefault(parameter.Name) ?? original[parameter.OriginalName]);
        var expected = plain.TrainedParameters();
        _checks.AssertClose(
            trained.Keys.Where(name => !name.Contains(".patch.", StringComparison.Ordinal)),
            name => Errors.Distance(GoldenChecks.SeenBySoftmax(golden, name, trained[name]), GoldenChecks.SeenBySoftmax(golden, name, expected[name]).Select(value => (double)value).ToArray()),
            GoldenChecks.ParameterTolerance,
            "final value");
    }
}
