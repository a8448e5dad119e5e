using System.Text.Json;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.EndToEnd;

/// <summary>Low-rank adapters: the same on any ranks, stages and after a resumption, and merged into what is exported.</summary>
public sealed class LoraTests
{
    private const double Scale = 4;
    private static readonly string[] s_adapted = ["visual_encoder.blocks.0.attn.qkv", "visual_encoder.blocks.1.attn.qkv", "projector.0", "language_model.lm_head"];

    [Fact]
    public void Ranks_stages_and_recomputation_change_no_bit()
    {
        var jobs = (from ranks in (int[])[1, 2, 4] from stage in (int[])[0, 1, 2, 3] select (Ranks: ranks, Job: LoraJob(ranks, stage))).ToList();
        try
        {
            foreach (var start in jobs.GroupBy(entry => entry.Ranks))
            {
                SharedStart.Run(start.Key, start.Select(entry => entry.Job));
            }

            var expected = File.ReadAllBytes(jobs[0].Job.TrainedModel);
            Assert.All(jobs, entry => Assert.Equal(expected, File.ReadAllBytes(entry.Job.TrainedModel)));
            var before = Job.ReadParameters(jobs[0].Job.PathOf("model.onnx"));
            var after = jobs[0].Job.TrainedParameters();
            var moved = before.Where(pair => !pair.Value.AsSpan().SequenceEqual(after[pair.Key])).Select(pair => pair.Key);
            Assert.Equal(s_adapted.Select(module => $"{module}.weight").Append("projector.2.weight").Append("projector.2.bias").Order(), moved.Order());
        }
        finally
        {
            jobs.ForEach(entry => entry.Job.Dispose());
        }
    }

    [Fact]
    public void What_is_exported_after_a_resumption_is_the_base_with_its_adapters()
    {
        using var alone = LoraJob(1, 0).WithValidation();
        ProgramRun.Train(1, alone.Configuration);
        using var job = LoraJob(2, 2).WithValidation().With("checkpoint.interval", "6");
        var started = ProgramRun.Train(2, job.Configuration, "--max-iters", "6");
        Assert.Contains("model.onnx: 12,192 trainable parameters in ", started.Output, StringComparison.Ordinal);
        ProgramRun.Train(
            1, job.Configuration, "--resume", "auto", "--set", "optim_wrapper.accumulative_counts=4", "--set", "zero_optimization.stage=1", "--set", "train_cfg.max_iters=24");
        Assert.Equal(File.ReadAllBytes(alone.TrainedModel), File.ReadAllBytes(job.TrainedModel));
        Assert.Equal(alone.Validations[^1].GetRawText(), job.Validations[^1].GetRawText());

        var checkpoint = Path.Combine(job.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(24));
        var (onnx, safetensors, adapter) = (job.PathOf("export.onnx"), job.PathOf("export.safetensors"), job.PathOf("adapter"));
        ProgramRun.Train(1, "export", checkpoint, "--onnx", onnx, "--safetensors", safetensors, "--adapter", adapter);
        Assert.Equal(File.ReadAllBytes(job.TrainedModel), File.ReadAllBytes(onnx));
        var before = OnnxModel.Load(job.PathOf("model.onnx")).Graph;
        Assert.Equal(before.Node, OnnxModel.Load(onnx).Graph.Node);
        CheckTensors(before.Initializer.ToDictionary(tensor => tensor.Name, tensor => tensor.ElementType() == TensorElementType.Float ? tensor.ToSingles() : []), Job.ReadParameters(onnx), safetensors, adapter);
        CheckSettings(adapter);

        // The moving average is what is written, unless the weights themselves are asked for.
        ProgramRun.Train(1, "export", checkpoint, "--onnx", onnx, "--no-average");
        Assert.NotEqual(File.ReadAllBytes(job.TrainedModel), File.ReadAllBytes(onnx));

        // Adapters are nothing without the weights they were trained beside.
        var other = OnnxModel.Load(job.PathOf("model.onnx"));
        other.Graph.SetInitializer(TensorFactory.FromSingles("projector.0.bias", [96], [.. Enumerable.Repeat(0.5f, 96)]));
        other.Save(job.PathOf("model.onnx"));
        foreach (var command in new[] { new[] { "export", checkpoint, "--onnx", onnx }, [job.Configuration, "--resume", checkpoint] })
        {
            using var refused = ProgramRun.RankWorker(1, command);
            refused.Expect(2);
            Assert.Matches($"^error: .*step-00000024 holds adapters for a base model with the SHA-256 [0-9a-f]{{12}}…, but .*model.onnx has [0-9a-f]{{12}}…: put the model there that they were trained beside\\.", refused.Error);
        }
    }

    [Fact]
    public void A_run_without_adapters_has_none_to_export()
    {
        using var job = Job.Vlm().With("checkpoint.interval", "1");
        ProgramRun.Train(1, job.Configuration, "--max-iters", "1");
        using var run = ProgramRun.RankWorker(1, ["export", Path.Combine(job.WorkDir, "checkpoints", ShardedCheckpoint.DirectoryName(1)), "--adapter", job.PathOf("adapter")]);
        run.Expect(2);
        Assert.EndsWith("holds no adapters, because its run had no model.lora: export it with --onnx or --safetensors.", run.Error.Trim(), StringComparison.Ordinal);
    }

    private static void CheckTensors(
        Dictionary<string, float[]> before, IReadOnlyDictionary<string, float[]> after, string safetensors, string adapter)
    {
        using var merged = SafetensorsFile.Read(safetensors);
        using var adapters = SafetensorsFile.Read(Path.Combine(adapter, "adapter_model.safetensors"));
        StrictSafetensors.Check(Path.Combine(adapter, "adapter_model.safetensors"));
        Assert.Equal("pt", adapters.Metadata["format"]);
        string[] own = [.. s_adapted.SelectMany(module => (string[])[$"{module}.lora_A.weight", $"{module}.lora_B.weight"]), "projector.2.weight", "projector.2.bias"];
        Assert.Equal(own.Select(name => $"base_model.model.{name}").Order(StringComparer.Ordinal), adapters.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal));
        foreach (var entry in merged.Entries)
        {
            Assert.Equal(after[entry.Name], merged.ReadSingles(entry.Name));
        }

        Assert.Contains(merged.Entries, entry => entry.Name == "visual_encoder.bn.weight");
        Assert.Equal(after["projector.2.weight"], adapters.ReadSingles("base_model.model.projector.2.weight"));
        foreach (var module in s_adapted)
        {
            var (a, b) = (adapters.ReadSingles($"base_model.model.{module}.lora_A.weight"), adapters.ReadSingles($"base_model.model.{module}.lora_B.weight"));
            var (rank, weight) = (module == "projector.0" ? 2 : 4, before[$"{module}.weight"]);
            var (inputs, scale) = (a.Length / rank, module == "projector.0" ? 2 * Scale : Scale);
            Assert.Equal([rank, inputs], adapters[$"base_model.model.{module}.lora_A.weight"].Shape);
            for (var i = 0; i < weight.Length; i++)
            {
                var sum = Enumerable.Range(0, rank).Sum(k => (double)b[(i / inputs * rank) + k] * a[(k * inputs) + (i % inputs)]);
                Assert.Equal((float)(weight[i] + (scale * sum)), after[$"{module}.weight"][i]);
            }
        }
    }

    private static void CheckSettings(string adapter)
    {
        var settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(adapter, "adapter_config.json"))).RootElement;
        Assert.Equal("LORA", settings.GetProperty("peft_type").GetString());
        Assert.Equal("CAUSAL_LM", settings.GetProperty("task_type").GetString());
        Assert.Equal(s_adapted, settings.GetProperty("target_modules").EnumerateArray().Select(module => module.GetString()));
        Assert.Equal(["projector.2"], settings.GetProperty("modules_to_save").EnumerateArray().Select(module => module.GetString()));
        Assert.Equal((4, 16, 0.1), (settings.GetProperty("r").GetInt32(), settings.GetProperty("lora_alpha").GetDouble(), settings.GetProperty("lora_dropout").GetDouble()));
        Assert.Equal("none", settings.GetProperty("bias").GetString());
        Assert.Equal(2, settings.GetProperty("rank_pattern").GetProperty("projector.0").GetInt32());
    }

    // Six updates of four micro-batches of two samples, whatever the number of ranks; B alone, then all.
    private static Job LoraJob(int ranks, int stage) => Job.Vlm()
        .With("model.lora", """
            { "type": "LoraConfig", "r": 4, "lora_alpha": 16, "lora_dropout": 0.1, "bias": "none", "task_type": "CAUSAL_LM",
              "target_modules": ["visual_encoder.*.qkv", "projector.0", "lm_head"], "modules_to_save": ["projector.2"], "rank_pattern": { "projector.0": 2 } }
            """)
        .With("micro_batch_size", "2")
        .With("train_cfg", $$"""{ "max_iters": {{24 / ranks}} }""")
        .With("optim_wrapper.accumulative_counts", $"{4 / ranks}")
        .With("phases", $$"""[ { "until_iter": {{8 / ranks}}, "trained": ["lora_B"] } ]""")
        .With("ema", """{ "decay": 0.9 }""")
        .With("evaluation.max_samples", "16")
        .With("graph", stage % 2 == 0 ? "{}" : """{ "recompute": { "layers": ["/blocks.*/"] } }""")
        .With("randomness.deterministic", "true")
        .With("zero_optimization.stage", $"{stage}")
        .With("zero_optimization.stage3_param_persistence_threshold", "0");
}
