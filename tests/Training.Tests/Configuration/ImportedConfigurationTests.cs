using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

/// <summary>Configurations as XTuner ships them for DeepSpeed, and as MMEngine's users write them.</summary>
public sealed class ImportedConfigurationTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The five files differ in zero_optimization only.
    private const string Head = """
        "gradient_accumulation_steps": "auto", "train_micro_batch_size_per_gpu": "auto", "gradient_clipping": "auto",
        "zero_allow_untested_optimizer": true, "zero_force_ds_cpu_optimizer": false,
        "fp16": { "enabled": "auto", "initial_scale_power": 16 }, "bf16": { "enabled": "auto" },
        """;

    [Theory]
    [InlineData("""{ "stage": 1, "overlap_comm": true }""", 1)]
    [InlineData("""{ "stage": 2, "overlap_comm": true }""", 2)]
    [InlineData("""{ "stage": 2, "overlap_comm": true, "offload_optimizer": { "device": "cpu", "pin_memory": true } }""", 2)]
    [InlineData("""{ "stage": 3, "overlap_comm": true, "stage3_gather_16bit_weights_on_model_save": true }""", 3)]
    [InlineData("""{ "stage": 3, "overlap_comm": true, "offload_optimizer": { "device": "cpu", "pin_memory": true }, "offload_param": { "device": "cpu", "pin_memory": true }, "stage3_gather_16bit_weights_on_model_save": true }""", 3)]
    public void What_XTuner_ships_for_DeepSpeed_loads(string zero, int stage)
    {
        var (configuration, notes) = Import($"{{ {Head} \"zero_optimization\": {zero} }}");

        Assert.True(configuration.ZeroOptimization.OverlapComm);
        Assert.True(
            configuration.ZeroOptimization.Stage == stage || notes.Any(note => note.Contains("zero_optimization.stage", StringComparison.Ordinal)),
            $"Stage {stage} became {configuration.ZeroOptimization.Stage} without a note.");
        Assert.Equal(1, configuration.OptimWrapper.ClipGrad!.MaxNorm);
        Assert.DoesNotContain(notes, note => note.Contains("is not a known key", StringComparison.Ordinal));
        foreach (var key in new[] { "gradient_accumulation_steps", "train_micro_batch_size_per_gpu", "gradient_clipping", "fp16.enabled", "bf16.enabled" })
        {
            Assert.Contains(notes, note => note.StartsWith($"{key} is \"auto\"", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("""{ "stage": 1, "overlap_comm": true }""")]
    [InlineData("""{ "stage": 2, "overlap_comm": true, "offload_optimizer": { "device": "cpu", "pin_memory": true } }""")]
    [InlineData("""{ "stage": 3, "overlap_comm": true, "stage3_gather_16bit_weights_on_model_save": true }""")]
    public void What_was_imported_resolves_groups_and_schedules_once_model_and_data_are_named(string zero)
    {
        var preview = Preview($"{{ {Head} \"zero_optimization\": {zero}, \"optimizer\": {{ \"type\": \"AdamW\", \"params\": {{ \"lr\": \"auto\" }} }} }}");
        Assert.Equal(["default"], preview.Groups);
        Assert.All(preview.LearningRates, row => Assert.Equal(1e-4, row[0]));
    }

    [Fact]
    public void Muon_keeps_its_numbers_and_says_what_it_has_no_place_for()
    {
        var (configuration, notes) = Import("""
            { "train_micro_batch_size_per_gpu": 2, "zero_optimization": { "stage": 1 }, "gradient_clipping": 0,
              "optimizer": { "type": "muon", "legacy_fusion": true, "params": { "lr": 1e-3, "muon_lr": 0.02, "adam_lr": 3e-4, "momentum": 0.9, "weight_decay": 0.1, "ns_steps": 6, "ns_method": "gram" } } }
            """);

        var optimizer = configuration.OptimWrapper.Optimizer;
        Assert.Equal((OptimizerKind.Muon, 0.02, 0.9, 0.1, 6), (optimizer.Type, optimizer.Lr, optimizer.Momentum!.Value, optimizer.WeightDecay!.Value, optimizer.NsSteps!.Value));
        AssertNotes(notes, "optimizer.params.muon_lr became", "optimizer.params.adam_lr was left out: give what AdamW updates a rate", "optimizer.params.ns_method has no counterpart", "optimizer.legacy_fusion has no counterpart");
    }

    [Fact]
    public void OneCycle_goes_up_and_down_as_DeepSpeed_does()
    {
        const string Source = """
            { "train_micro_batch_size_per_gpu": 8, "zero_optimization": { "stage": 1 },
              "optimizer": { "type": "AdamW", "params": { "lr": 5e-4 } },
              "scheduler": { "type": "OneCycle", "params": { "cycle_min_lr": 1e-4, "cycle_max_lr": 1e-3, "cycle_first_step_size": 6, "cycle_second_step_size": 9,
                "decay_lr_rate": 0.1, "decay_step_size": 4, "cycle_min_mom": 0.8, "cycle_max_mom": 0.9, "last_batch_iteration": -1 } } }
            """;
        var (configuration, notes) = Import(Source);
        Assert.Equal(1e-3, configuration.OptimWrapper.Optimizer.Lr);
        AssertNotes(
            notes, "cycle_max_lr overwrites the optimizer's rate in DeepSpeed: optim_wrapper.optimizer.lr became 0.001.", "scheduler OneCycle became two LinearLR", "decay_lr_rate has no counterpart",
            "cycle_momentum, which is true", "scheduler.params.decay_step_size has no", "scheduler.params.cycle_min_mom has no", "scheduler.params.cycle_max_mom has no", "scheduler.params.last_batch_iteration has no");

        var rates = Preview(Source).LearningRates;
        Assert.Equal(20, rates.Length);
        for (var step = 0; step < rates.Length; step++)
        {
            // deepspeed/runtime/lr_schedules.py, OneCycle._get_scale_factor, at the rate of the update after so many others.
            var scale = step <= 6 ? step / 6.0 : Math.Max(0, (15 - step) / 9.0);
            Assert.Equal(1e-4 + (9e-4 * scale), rates[step][0], 1e-15);
        }
    }

    [Fact]
    public void A_range_test_gets_an_end()
    {
        const string Source = """
            { "train_micro_batch_size_per_gpu": 8, "zero_optimization": { "stage": 1 }, "optimizer": { "type": "SGD", "params": { "lr": 0.1 } },
              "scheduler": { "type": "LRRangeTest", "params": { "lr_range_test_min_lr": 0.01, "lr_range_test_step_size": 3, "lr_range_test_step_rate": 2, "lr_range_test_staircase": true } } }
            """;
        var (configuration, notes) = Import(Source);
        Assert.Equal((30, OptimizerKind.Sgd), (configuration.TrainCfg.MaxIters!.Value, configuration.OptimWrapper.Optimizer.Type));
        AssertNotes(notes, "scheduler LRRangeTest, which has no end, became a LinearLR over 10 step sizes, train_cfg.max_iters 30", "scheduler.params.lr_range_test_staircase has no counterpart");

        var rates = Preview(Source).LearningRates;
        Assert.All(rates.Index(), row => Assert.Equal(0.01 * (1 + (2 * row.Index / 3.0)), row.Item[0], 1e-15));
    }

    [Theory]
    [InlineData("OneCycle", "cycle_max_lr", "-1")]
    [InlineData("OneCycle", "cycle_first_step_size", "0")]
    [InlineData("LRRangeTest", "lr_range_test_step_size", "-5")]
    [InlineData("LRRangeTest", "lr_range_test_min_lr", "0")]
    [InlineData("Nonsense", "x", "1")]
    public void A_scheduler_that_makes_no_sense_is_left_out_with_a_note(string type, string key, string value)
    {
        var (configuration, notes) = Import($$"""{ "zero_optimization": { "stage": 1 }, "scheduler": { "type": "{{type}}", "params": { "{{key}}": {{value}} } } }""");
        Assert.Empty(configuration.ParamScheduler);
        Assert.Contains(notes, note => note.StartsWith($"scheduler {type} ", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_key_of_DeepSpeed_without_a_counterpart_is_named()
    {
        string[] keys =
        [
            "prescale_gradients", "gradient_predivide_factor", "sparse_gradients", "data_types", "wandb", "csv_monitor", "comet", "elasticity", "autotuning", "amp",
            "dump_state", "memory_breakdown", "dataloader_drop_last", "checkpoint", "aio", "compression_training", "curriculum_learning", "communication_data_type",
            "activation_checkpointing", "flops_profiler", "wall_clock_breakdown", "comms_logger", "train_batch_size", "seq_parallel_communication_data_type",
        ];
        var (_, notes) = Import($$"""
            { {{string.Join(", ", keys.Select(key => $"\"{key}\": {{ \"enabled\": true }}"))}},
              "zero_optimization": { "stage": 1, "mics_shard_size": 4, "elastic_checkpoint": false },
              "bf16": { "enabled": true, "immediate_grad_update": true }, "tensorboard": { "enabled": true, "output_path": "x", "job_name": "y" },
              "optimizer": { "type": "AdamW", "params": { "bias_correction": false } } }
            """);
        Assert.All(keys, key => Assert.Contains(notes, note => note.StartsWith($"{key} ", StringComparison.Ordinal)));
        AssertNotes(notes, "zero_optimization.mics_shard_size", "zero_optimization.elastic_checkpoint", "bf16.immediate_grad_update has no", "tensorboard.output_path has no", "tensorboard.job_name has no", "optimizer.params.bias_correction has no");
    }

    [Fact]
    public void Every_scheduler_class_of_MMEngine_is_taken_over()
    {
        (string Name, string Keys)[] schedulers =
        [
            ("Constant", "\"factor\": 0.5"), ("Linear", "\"start_factor\": 0.5"), ("Exponential", "\"gamma\": 0.9"), ("Step", "\"step_size\": 2"), ("MultiStep", "\"milestones\": [1, 2]"),
            ("CosineAnnealing", "\"T_max\": 3"), ("Poly", "\"power\": 2"), ("CosineRestart", "\"periods\": [2, 2], \"restart_weights\": [1, 0.5]"), ("ReduceOnPlateau", "\"monitor\": \"loss\", \"patience\": 2"),
        ];
        var entries = schedulers.SelectMany(scheduler => new[] { "LR", "Momentum", "ParamScheduler" }.Select(suffix =>
            $"{{ \"type\": \"mmengine.optim.{scheduler.Name}{suffix}\", {(suffix == "ParamScheduler" ? "\"param_name\": \"lr\", " : "")}{scheduler.Keys} }}"))
            .Append("""{ "type": "OneCycleLR", "eta_max": 0.1, "total_steps": 4 }""").ToList();
        var (configuration, notes) = Import($$"""
            { "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 0.1, "momentum": 0.9 } }, "param_scheduler": [ {{string.Join(", ", entries)}} ], "train_cfg": { "max_epochs": 4 },
              "data_preprocessor": {}, "visualizer": null }
            """);

        Assert.Equal(entries.Select(entry => JsonNode.Parse(entry)!["type"]!.GetValue<string>().Split('.')[^1]), configuration.ParamScheduler.Select(entry => $"{entry.Type}"));
        AssertNotes(notes, "data_preprocessor has no counterpart", "visualizer has no counterpart");
        Assert.DoesNotContain(notes, note => note.Contains("param_scheduler", StringComparison.Ordinal));
    }

    [Fact]
    public void A_full_DeepSpeed_configuration_keeps_its_numbers()
    {
        var (configuration, notes) = Import("""
            {
              "train_batch_size": 64, "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": 2, "gradient_clipping": 0.5,
              "optimizer": { "type": "Adam", "params": { "lr": 1e-4, "betas": [0.9, 0.95], "eps": 1e-7, "weight_decay": 0.1, "torch_adam": true, "freeze_step": 3 } },
              "scheduler": { "type": "WarmupDecayLR", "params": { "warmup_min_lr": 2e-5, "warmup_max_lr": 2e-4, "warmup_num_steps": 10, "total_num_steps": 100, "warmup_type": "linear" } },
              "fp16": { "enabled": true, "initial_scale_power": 12, "loss_scale_window": 500, "hysteresis": 2 },
              "zero_optimization": { "stage": 1, "reduce_bucket_size": 2e6, "allgather_bucket_size": "auto", "mics_shard_size": 8 },
              "steps_per_print": 20, "tensorboard": { "enabled": true }, "wandb": { "enabled": true }, "flops_profiler": { "enabled": false }
            }
            """);

        Assert.Equal(4, configuration.MicroBatchSize);
        var wrapper = configuration.OptimWrapper;
        Assert.Equal((2, 0.5), (wrapper.AccumulativeCounts, wrapper.ClipGrad!.MaxNorm));
        Assert.Equal((OptimizerKind.AdamW, 2e-4, 1e-7, 0.1), (wrapper.Optimizer.Type, wrapper.Optimizer.Lr, wrapper.Optimizer.Eps!.First!.Value, wrapper.Optimizer.WeightDecay!.Value));
        Assert.Equal(new Betas(0.9, 0.95), wrapper.Optimizer.Betas);
        Assert.Equal(OptimWrapperKind.AmpOptimWrapper, wrapper.Type);
        Assert.Equal((4096, 500), (wrapper.LossScale!.InitScale, wrapper.LossScale.GrowthInterval));
        var schedule = Assert.Single(configuration.ParamScheduler);
        Assert.Equal(
            new SchedulerOptions { Type = SchedulerKind.WarmupDecayLR, ByEpoch = false, WarmupNumSteps = 20, WarmupType = WarmupType.Linear, WarmupMinRatio = 0.1 }, schedule);
        Assert.Equal(200, configuration.TrainCfg.MaxIters);
        Assert.Equal((1, 2_000_000), (configuration.ZeroOptimization.Stage, configuration.ZeroOptimization.ReduceBucketSize));
        Assert.Equal((20, true), (configuration.Log.Interval, configuration.Log.Tensorboard));
        foreach (var part in new[] { "train_batch_size was left out", "wandb has no counterpart", "flops_profiler has no counterpart", "fp16.hysteresis", "optimizer.params.freeze_step", "mics_shard_size", "became AdamW", "warmup_max_lr overwrites" })
        {
            Assert.Contains(notes, note => note.Contains(part, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void XTuners_wrapper_and_schedulers_keep_every_setting_of_every_part()
    {
        var (configuration, notes) = Import("""
            {
              "optim_wrapper": {
                "type": "mmengine.optim.AmpOptimWrapper",
                "constructor": "mmpretrain.engine.LearningRateDecayOptimWrapperConstructor",
                "optimizer": { "type": "torch.optim.AdamW", "lr": 2e-4, "betas": [0.9, 0.999], "weight_decay": 0.05 },
                "clip_grad": { "max_norm": 1, "error_if_nonfinite": false }, "accumulative_counts": 16, "loss_scale": "dynamic", "dtype": "float16",
                "paramwise_cfg": { "norm_decay_mult": 0.0, "layer_decay_rate": 0.75, "custom_keys": { "visual_encoder": { "lr_mult": 0.1 }, "projector": { "lr_mult": 0.5, "decay_mult": 0.0 } } }
              },
              "param_scheduler": [
                { "type": "mmengine.optim.LinearLR", "start_factor": 1e-5, "by_epoch": true, "begin": 0, "end": 0.03, "convert_to_iter_based": true, "verbose": true },
                { "type": "CosineAnnealingLR", "eta_min": 0.0, "by_epoch": true, "begin": 0.03, "end": 3, "convert_to_iter_based": true } ],
              "train_cfg": { "type": "xtuner.engine.runner.TrainLoop", "max_epochs": 3 },
              "train_dataloader": { "batch_size": 2, "num_workers": 4 },
              "default_hooks": { "logger": { "type": "LoggerHook", "interval": 25 }, "checkpoint": { "type": "CheckpointHook", "by_epoch": false, "interval": 500, "max_keep_ckpts": 2 } },
              "randomness": { "seed": null, "deterministic": false }, "env_cfg": { "cudnn_benchmark": false }
            }
            """);

        var wrapper = configuration.OptimWrapper;
        Assert.Equal((16, 2e-4), (wrapper.AccumulativeCounts, wrapper.Optimizer.Lr));
        Assert.Equal((0.1, 0.5, 0.0), (wrapper.ParamwiseCfg!.CustomKeys["visual_encoder"].LrMult, wrapper.ParamwiseCfg.CustomKeys["projector"].LrMult, wrapper.ParamwiseCfg.CustomKeys["projector"].DecayMult));
        Assert.Equal(0.75, Assert.Single(wrapper.ParamwiseCfg.LayerDecay).Rate);
        Assert.Equal([SchedulerKind.LinearLR, SchedulerKind.CosineAnnealingLR], configuration.ParamScheduler.Select(entry => entry.Type));
        Assert.Equal((3, 2, 25), (configuration.TrainCfg.MaxEpochs!.Value, configuration.MicroBatchSize, configuration.Log.Interval));
        Assert.Equal((500, 2), (configuration.Checkpoint.Interval!.Value, configuration.Checkpoint.MaxKeep!.Value));
        foreach (var part in new[] { "env_cfg has no counterpart", "train_dataloader.num_workers has no counterpart", "param_scheduler.0.verbose", "constructor" })
        {
            Assert.Contains(notes, note => note.Contains(part, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void XTuners_adapters_are_taken_over()
    {
        var (configuration, notes) = Import("""
            { "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 2e-4 } },
              "model": { "type": "xtuner.model.SupervisedFinetune", "lora": {
                "type": "peft.LoraConfig", "r": 64, "lora_alpha": 16, "lora_dropout": 0.1, "bias": "none", "task_type": "CAUSAL_LM",
                "target_modules": "all-linear", "init_lora_weights": "gaussian" } } }
            """);

        var lora = configuration.Model.Lora!;
        Assert.Equal((64, 16.0, 0.1, LoraBias.None, "CAUSAL_LM"), (lora.R, lora.LoraAlpha, lora.LoraDropout, lora.Bias, lora.TaskType));
        Assert.Equal(["all-linear"], lora.TargetModules);
        Assert.Contains(notes, note => note.StartsWith("model.lora.init_lora_weights is not a known key", StringComparison.Ordinal));
        Assert.Contains("model.type has no counterpart and was left out.", notes);
    }

    [Fact]
    public void Entries_of_a_list_that_do_not_fit_go_and_the_others_stay()
    {
        var (configuration, notes) = Import("""
            { "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-3 } },
              "param_scheduler": [ 1, { "type": "LinearLR", "T_max": 2 }, { "type": "Nonsense" }, { "type": "CosineAnnealingLR", "T_max": 3 }, { "type": "PolyLR", "power": 2 } ] }
            """);

        Assert.Equal([SchedulerKind.CosineAnnealingLR, SchedulerKind.PolyLR], configuration.ParamScheduler.Select(entry => entry.Type));
        Assert.Equal((3, 2), (configuration.ParamScheduler[0].TMax!.Value, configuration.ParamScheduler[1].Power!.Value));
        Assert.Contains(notes, note => note.Contains("(LinearLR) has no T_max", StringComparison.Ordinal));
        Assert.Contains(notes, note => note.Contains("\"Nonsense\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[1]", "is not a JSON object")]
    [InlineData("{ \"a\": }", "is not JSON")]
    [InlineData("{ \"a\": 1, \"a\": 2 }", "is not JSON")]
    [InlineData("{ \"a\": 1 }", "is neither a DeepSpeed configuration")]
    public void What_is_no_configuration_is_refused(string json, string part)
    {
        var path = Path.Combine(_folder, "foreign.json");
        File.WriteAllText(path, json);
        Assert.Contains(part, Assert.Throws<ConfigurationException>(() => ImportedConfiguration.FromFile(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "zero_optimization": 5 }""")]
    [InlineData("""{ "zero_optimization": { "stage": "three", "offload_optimizer": "cpu" }, "optimizer": 7, "scheduler": [], "fp16": true }""")]
    [InlineData("""{ "gradient_clipping": "much", "train_micro_batch_size_per_gpu": -4, "gradient_accumulation_steps": 0.5, "optimizer": { "type": "OneBitAdam", "params": { "lr": "x" } } }""")]
    [InlineData("""{ "optim_wrapper": 5, "param_scheduler": [ 1, { "type": "Nonsense" }, { "type": "LinearLR", "T_max": 2 } ], "train_cfg": null }""")]
    [InlineData("""{ "optim_wrapper": { "optimizer": { "type": "SGD2", "lr": -1 }, "paramwise_cfg": { "a.b": 1, "custom_keys": { "x.y": { "lr_mult": -1 } } } } }""")]
    public void Whatever_the_other_file_says_what_is_written_loads(string json) => Assert.NotEmpty(Import(json).Notes);

    private static void AssertNotes(IReadOnlyList<string> notes, params string[] parts) =>
        Assert.All(parts, part => Assert.True(notes.Any(note => note.Contains(part, StringComparison.Ordinal)), $"No note has '{part}': {string.Join("\n", notes)}"));

    // What rankworker groups and schedule show of it.
    private SchedulePreview Preview(string json)
    {
        Import(json);
        var path = Path.Combine(_folder, "cfg.json");
        var root = JsonNode.Parse(File.ReadAllText(path))!;
        foreach (var field in (string[])["image", "input_ids", "labels"])
        {
            File.WriteAllBytes(Path.Combine(_folder, $"{field}.npy"), field == "image" ? NpyBytes.Of<float>("<f4", "(160, 1, 28, 28)", new float[160 * 28 * 28]) : NpyBytes.Of<long>("<i8", "(160, 16)", new long[160 * 16]));
        }

        root["model"] = JsonNode.Parse("""{ "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels" } }""");
        root["model"]!["path"] = RepositoryPaths.Fixture("vlm", "vlm.onnx");
        root["data"] = JsonNode.Parse("""{ "train": { "fields": { "image": "image.npy", "input_ids": "input_ids.npy", "labels": "labels.npy" } } }""");
        File.WriteAllText(path, root.ToJsonString());
        var configuration = TrainingConfiguration.Load(path);
        return SchedulePreview.Create(configuration, PreparedModel.Load(configuration).Groups, 1);
    }

    private (TrainingConfiguration Configuration, IReadOnlyList<string> Notes) Import(string json)
    {
        var path = Path.Combine(_folder, "foreign.json");
        File.WriteAllText(path, json);
        var imported = ImportedConfiguration.FromFile(path);
        Assert.StartsWith("PLACEHOLDER", JsonNode.Parse(imported.Json)!["model"]!["path"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.All(imported.Notes, note => Assert.Matches("^[^\\n]+[.?]$", note));
        foreach (var file in new[] { "PLACEHOLDER-model.onnx", "PLACEHOLDER-train.npz" })
        {
            File.WriteAllBytes(Path.Combine(_folder, file), []);
        }

        var written = Path.Combine(_folder, "cfg.json");
        File.WriteAllText(written, imported.Json);
        return (TrainingConfiguration.Load(written), imported.Notes);
    }
}
