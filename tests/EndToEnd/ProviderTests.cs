using System.Globalization;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>
/// Training on other execution providers than the CPU's, on SwiftShader in place of a GPU: every run is a process of its own, with the
/// environment that makes Vulkan offer it.
/// </summary>
public sealed class ProviderTests(ITestOutputHelper output)
{
    private const string Drivers = "VK_ICD_FILENAMES";
    private const double GradientTolerance = 1e-4;
    private const double RoundingTolerance = 1e-7;

    private static readonly Dictionary<string, string?> s_swiftShader = new() { [Drivers] = "/usr/lib/chromium/vk_swiftshader_icd.json" };
    private static readonly Dictionary<string, string?> s_noGpu = new() { [Drivers] = "/nonexistent.json" };

    [Theory]
    [InlineData("activations")]
    [InlineData("cnn_bn")]
    [InlineData("llama_rope_gqa")]
    public void First_gradients_on_webgpu_are_those_of_pytorch(string name)
    {
        using var job = Job.Zoo(name).With("execution.provider", "\"webgpu\"");
        var file = job.PathOf("gradients.safetensors");
        using var run = ProgramRun.RankWorker(1, ["gradients", job.Configuration, "--out", file], s_swiftShader);
        run.Expect(0);

        var actual = GoldenChecks.ReadGradients(file);
        var expected = NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", name, "grads_step1.npz"));
        var whole = Math.Sqrt(expected.Values.Sum(array => array.Values.Sum(value => value * value)));
        var errors = expected.Select(gradient =>
        {
            var (distance, norm) = Errors.Distance(actual[gradient.Key], gradient.Value.Values);
            Assert.InRange(distance, 0, (GradientTolerance * norm) + (RoundingTolerance * whole));
            return norm > RoundingTolerance * whole ? distance / norm : 0;
        });
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"gradient error {errors.Max():0.0e+0}"));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    public void Two_ranks_share_a_device_and_train_as_the_cpu_does(int stage, bool deterministic)
    {
        // Shaders are compiled anew in every process, those of the evaluation graph too, so not every case validates.
        using var job = Job.Zoo("cnn_bn").With("micro_batch_size", "2").With("optim_wrapper.accumulative_counts", "2")
            .With("zero_optimization.stage", $"{stage}").With("randomness.deterministic", deterministic ? "true" : "false")
            .With("zero_optimization.stage3_param_persistence_threshold", "20");
        if (stage != 0)
        {
            job.WithValidation();
        }

        ProgramRun.Train(2, job.Configuration);
        var losses = job.Losses();
        var trained = job.TrainedParameters();

        job.With("execution.provider", "\"webgpu\"").With("work_dir", "\"work_gpu\"");
        using var run = ProgramRun.RankWorker(2, [job.Configuration], s_swiftShader);
        run.Expect(0);

        var lines = Job.ReadLines(job.PathOf("work_gpu/metrics.jsonl"));
        Assert.InRange(Errors.Relative([.. lines.Select(line => line.GetProperty("loss").GetDouble())], losses), 0, 2e-5);
        if (stage != 0)
        {
            var validated = Job.ReadLines(job.PathOf("work_gpu/validation.jsonl"))[0].GetProperty("loss").GetDouble();
            Assert.Equal(job.Validations[0].GetProperty("loss").GetDouble(), validated, 2e-5 * validated);
        }

        Assert.All(Job.ReadParameters(job.PathOf("work_gpu/model.onnx")), parameter =>
        {
            // AdamW makes whole steps out of rounding errors, so single elements of tiny gradients may differ by more.
            var (distance, norm) = Errors.Distance(parameter.Value, Array.ConvertAll(trained[parameter.Key], value => (double)value));
            Assert.InRange(distance, 0, (1e-3 * norm) + 1e-5);
        });
    }

    /// <summary>Masks that are drawn by a counter, and rows that are left out: what is found on the CPU for every micro-batch.</summary>
    [Fact]
    public void Dropout_and_label_sparsity_on_a_device_are_those_of_the_cpu()
    {
        using var job = DropoutTests.NewJob(1, stage: 0)
            .With("micro_batch_size", "4").With("optim_wrapper.accumulative_counts", "2").With("train_cfg", """{ "max_epochs": 2 }""")
            .With("randomness.deterministic", "false").With("graph", """{ "label_sparsity": "on" }""").With("log.interval", "1");
        NpyWriter.Write(job.PathOf("labels.npy"), [.. Enumerable.Range(0, 16).Select(i => i % 4 == 1 || i is > 7 and < 12 ? -100 : i % 3L)], 16);
        ProgramRun.Train(1, job.Configuration);
        var losses = job.Losses();

        job.With("execution.provider", "\"webgpu\"").With("work_dir", "\"work_gpu\"");
        using var run = ProgramRun.RankWorker(1, [job.Configuration], s_swiftShader);
        run.Expect(0);
        var actual = Job.ReadLines(job.PathOf("work_gpu/metrics.jsonl")).Select(line => line.GetProperty("loss").GetDouble()).ToArray();
        Assert.All(losses.Zip(actual, (expected, value) => (expected, value)), pair => Assert.Equal(pair.expected, pair.value, 2e-5));
        Assert.Contains(losses, loss => loss == 0);
    }

    [Fact]
    public void Recomputation_and_the_average_of_the_weights_work_on_webgpu_as_on_the_cpu()
    {
        using var job = Job.Zoo("activations").WithValidation().With("graph.recompute", """{ "memory_budget": "1KiB" }""").With("ema", """{ "decay": 0.5 }""");
        ProgramRun.Train(1, job.Configuration);
        var trained = job.TrainedParameters();

        job.With("execution.provider", "\"webgpu\"").With("work_dir", "\"work_gpu\"");
        using var run = ProgramRun.RankWorker(1, [job.Configuration, "--verbose"], s_swiftShader);
        run.Expect(0);
        Assert.Contains("Recomputes", run.Transcript, StringComparison.Ordinal);

        // What is validated and exported is the average, which is not what was trained last.
        foreach (var file in new[] { "metrics.jsonl", "validation.jsonl" })
        {
            double[] Losses(string folder) => [.. Job.ReadLines(job.PathOf($"{folder}/{file}")).Select(line => line.GetProperty("loss").GetDouble())];
            Assert.InRange(Errors.Relative(Losses("work_gpu"), Losses("work")), 0, 2e-5);
        }

        Assert.All(Job.ReadParameters(job.PathOf("work_gpu/model.onnx")), parameter =>
        {
            var (distance, norm) = Errors.Distance(parameter.Value, Array.ConvertAll(trained[parameter.Key], value => (double)value));
            Assert.InRange(distance, 0, (1e-3 * norm) + 1e-5);
        });
        job.Without("ema", "decay").Settings.Remove("ema");
        job.With("execution.provider", "\"cpu\"").With("work_dir", "\"work_plain\"");
        ProgramRun.Train(1, job.Configuration);
        Assert.All(Job.ReadParameters(job.PathOf("work_plain/model.onnx")), parameter => Assert.NotEqual(trained[parameter.Key], parameter.Value));
    }

    [Fact]
    public void Gpu_check_tells_gradients_that_agree_from_those_that_do_not()
    {
        using var job = Job.Zoo("activations");
        using var run = ProgramRun.RankWorker(1, ["gpu-check", job.Configuration], s_swiftShader);
        run.Expect(0);
        Assert.Contains("All gradients on webgpu are within 0.001 of their norm of the CPU's.", run.Output, StringComparison.Ordinal);

        // Rounding alone makes some difference.
        using var strict = ProgramRun.RankWorker(1, ["gpu-check", job.Configuration, "--tolerance", "1e-12"], s_swiftShader);
        strict.Expect(1);
        Assert.Contains("MISS", strict.Output, StringComparison.Ordinal);
        Assert.Contains("1 of 1 models have gradients on webgpu", strict.Output, StringComparison.Ordinal);

        using var without = ProgramRun.RankWorker(1, ["gpu-check", job.Configuration], s_noGpu);
        without.Expect(2);
        Assert.Contains("Vulkan finds no adapter: install", without.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_trains_on_the_cpu_where_nothing_else_works_and_says_why()
    {
        using var job = Job.Zoo("activations");
        ProgramRun.Train(1, job.Configuration);
        var losses = job.Losses();

        job.With("execution.provider", "\"auto\"");
        using var run = ProgramRun.RankWorker(1, [job.Configuration], s_noGpu);
        run.Expect(0);

        Assert.Equal(losses, job.Losses());
        Assert.Matches("Not on cuda, because .*: .*\\.", run.Transcript);
        Assert.Contains("Not on webgpu, because Vulkan finds no adapter: install the GPU's Vulkan driver", run.Transcript, StringComparison.Ordinal);
        Assert.Contains("execution.provider \"auto\" trains on cpu", run.Transcript, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("execution.provider", "\"webgpu\"", false, "execution.provider \"webgpu\" cannot be used, because Vulkan finds no adapter: install")]
    [InlineData("execution.device_id", "1", true, "execution.device_id is 1, but webgpu chooses its adapter itself: remove it")]
    public void What_a_provider_cannot_do_is_one_sentence(string key, string value, bool hasDevice, string sentence)
    {
        using var job = Job.Zoo("activations").With("execution.provider", "\"webgpu\"").With(key, value);
        using var run = ProgramRun.RankWorker(1, [job.Configuration], hasDevice ? s_swiftShader : s_noGpu);
        run.Expect(2);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Doctor_names_the_devices_behind_providers_and_what_is_missing()
    {
        using var run = ProgramRun.RankWorker(1, ["doctor"], s_swiftShader);
        run.Expect(0);
        Assert.Matches(@"webgpu +works: SwiftShader Device.* \(a program on the processor\)", run.Output);
        Assert.Matches("cpu +works", run.Output);

        using var without = ProgramRun.RankWorker(1, ["doctor"], s_noGpu);
        without.Expect(0);
        Assert.Matches("webgpu +not usable, because Vulkan finds no adapter: install", without.Output);
    }

    [Fact]
    public void The_operator_report_says_what_webgpu_runs_or_why_it_cannot()
    {
        string[] arguments = ["gradcheck", RepositoryPaths.Fixture("zoo", "activations", "model.onnx"), "--op-report", "--provider", "webgpu"];
        using var run = ProgramRun.RankWorker(1, arguments, s_swiftShader);
        run.Expect(0);
        Assert.Matches(@"Gemm .*CPU +WebGpu", run.Output);

        using var without = ProgramRun.RankWorker(1, arguments, s_noGpu);
        without.Expect(2);
        Assert.Contains("--provider webgpu cannot be used, because Vulkan finds no adapter: install", without.Error, StringComparison.Ordinal);
        Assert.Single(without.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
