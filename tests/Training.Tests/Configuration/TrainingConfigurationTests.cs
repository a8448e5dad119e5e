using System.Text.Json;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

public sealed class TrainingConfigurationTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_full_configuration_is_read_into_its_sections()
    {
        var configuration = _folder.Load(ConfigurationFolder.Valid);

        Assert.Equal(Path.Combine(_folder.Folder, "model.onnx"), configuration.Model.Path);
        Assert.Equal(["encoder.patch"], configuration.Model.Frozen);
        Assert.Equal(LossKind.CrossEntropy, configuration.Model.Loss[0].Type);
        Assert.Equal(-100, configuration.Model.Loss[0].IgnoreIndex);
        Assert.Equal(["image", "labels"], configuration.Data.Train.Fields.Keys);
        Assert.Equal(new DataFieldSource(Path.Combine(_folder.Folder, "arrays.npz"), "labels"), configuration.Data.Train.Fields["labels"]);
        Assert.True(configuration.Data.Train.Shuffle);
        Assert.False(configuration.Data.Train.DropLast);
        Assert.NotNull(configuration.Data.Val);
        Assert.Equal(3, configuration.TrainCfg.MaxEpochs);
        Assert.Null(configuration.TrainCfg.MaxIters);
        Assert.Equal(8, configuration.MicroBatchSize);
        Assert.Equal(OptimWrapperKind.AmpOptimWrapper, configuration.OptimWrapper.Type);
        Assert.Equal(new LossScaleSection(), configuration.OptimWrapper.EffectiveLossScale);
        Assert.Equal(new OptimizerSection { Type = OptimizerKind.AdamW, Lr = 1e-4, Betas = new Betas(0.9, 0.95), WeightDecay = 0.05 }, configuration.OptimWrapper.Optimizer);
        Assert.Equal(1, configuration.OptimWrapper.ClipGrad!.MaxNorm);
        Assert.Equal(4, configuration.OptimWrapper.AccumulativeCounts);
        Assert.Equal(0, configuration.OptimWrapper.ParamwiseCfg!.NormDecayMult);
        Assert.Null(configuration.OptimWrapper.ParamwiseCfg.FlatDecayMult);
        Assert.Equal(0.1, configuration.OptimWrapper.ParamwiseCfg.CustomKeys["encoder."].LrMult);
        Assert.Equal([SchedulerKind.LinearLR, SchedulerKind.CosineAnnealingLR], configuration.ParamScheduler.Select(scheduler => scheduler.Type));
        Assert.Equal(0.09, configuration.ParamScheduler[0].End);
        Assert.Equal(1, configuration.ZeroOptimization.Stage);
        Assert.Equal(5_000_000, configuration.ZeroOptimization.ReduceBucketSize);
        Assert.True(configuration.Randomness.Deterministic);
        Assert.Equal(1, configuration.Execution.IntraOpThreads);
        Assert.True(configuration.Checkpoint.Resume.Auto);
        Assert.True(configuration.Coordinator.Address.IsEmbedded);
        Assert.True(configuration.Log.Tensorboard);
        Assert.Equal(Path.Combine(_folder.Folder, "work", "run"), configuration.WorkDir);
        Assert.Empty(configuration.Warnings);
    }

    [Fact]
    public void What_is_left_out_has_the_documented_defaults()
    {
        var configuration = _folder.Load("""
            { "model": { "path": "model.onnx", "loss": { "type": "output", "output": "loss" } },
              "data": { "train": { "fields": { "image": "image.npy" } } },
              "train_cfg": { "max_iters": 20 }, "micro_batch_size": 2,
              "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 0.001 } } }
            """);

        Assert.Null(configuration.OptimWrapper.Optimizer.Betas);
        Assert.Null(configuration.OptimWrapper.Optimizer.WeightDecay);
        Assert.Null(configuration.OptimWrapper.EffectiveLossScale);
        Assert.Null(configuration.OptimWrapper.ClipGrad);
        Assert.Equal(1, configuration.OptimWrapper.AccumulativeCounts);
        Assert.Equal(1000, configuration.TrainCfg.EffectiveValInterval);
        Assert.Equal(0, configuration.ZeroOptimization.Stage);
        Assert.Null(configuration.Execution.IntraOpThreads);
        Assert.Null(configuration.Checkpoint.Interval);
        Assert.Equal(ResumeChoice.None, configuration.Checkpoint.Resume);
        Assert.Equal(Path.Combine(_folder.Folder, "work"), configuration.WorkDir);
    }

    [Fact]
    public void Comments_trailing_commas_and_a_byte_order_mark_are_accepted()
    {
        var text = "\uFEFF// what it is for\n" + ConfigurationFolder.Valid.Replace("\"work/run\"", "\"work/run\", /* the end */", StringComparison.Ordinal);

        Assert.Equal(8, _folder.Load(text).MicroBatchSize);
    }

    [Fact]
    public void One_schedule_stands_for_a_list_of_one()
    {
        var configuration = _folder.Load(ConfigurationFolder.Valid, "param_scheduler={\"type\": \"MultiStepLR\", \"milestones\": [1, 2]}");

        Assert.Equal([1, 2], Assert.Single(configuration.ParamScheduler).Milestones);
    }

    [Fact]
    public void Every_golden_case_of_MMEngine_is_read_as_it_is_written()
    {
        using var schedulers = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("golden", "schedulers.json")));
        foreach (var golden in schedulers.RootElement.GetProperty("cases").EnumerateArray())
        {
            var section = golden.GetProperty("param_scheduler");
            Assert.Equal(section.GetArrayLength(), _folder.Load(ConfigurationFolder.Valid, $"param_scheduler={section.GetRawText()}").ParamScheduler.Count);
        }

        using var paramwise = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("golden", "paramwise.json")));
        foreach (var golden in paramwise.RootElement.GetProperty("cases").EnumerateArray())
        {
            var section = golden.GetProperty("optim_wrapper");
            Assert.Equal(
                section.GetProperty("optimizer").GetProperty("weight_decay").GetDouble(),
                _folder.Load(ConfigurationFolder.Valid, $"optim_wrapper={section.GetRawText()}").OptimWrapper.Optimizer.WeightDecay);
        }
    }

    [Theory]
    [InlineData("\"dynamic\"", 65536, true)]
    [InlineData("512", 512, false)]
    [InlineData("512.5", 512.5, false)]
    [InlineData("{ \"init_scale\": 1024, \"growth_interval\": 10 }", 1024, true)]
    public void A_loss_scale_is_a_word_a_number_or_an_object(string value, double scale, bool dynamic)
    {
        var lossScale = _folder.Load(ConfigurationFolder.Valid, $"optim_wrapper.loss_scale={value}").OptimWrapper.EffectiveLossScale!;

        Assert.Equal(scale, lossScale.InitScale);
        Assert.Equal(dynamic, lossScale.Dynamic);
    }

    [Theory]
    [InlineData("none", false, null, 0)]
    [InlineData("embedded", true, null, 0)]
    [InlineData("node7.cluster:5050", false, "node7.cluster", 5050)]
    [InlineData("[::1]:5050", false, "::1", 5050)]
    public void A_coordinator_is_embedded_absent_or_an_address(string value, bool embedded, string? host, int port)
    {
        var address = _folder.Load(ConfigurationFolder.Valid, $"coordinator.address={value}").Coordinator.Address;

        Assert.Equal(new CoordinatorAddress(embedded, host, port), address);
    }

    [Fact]
    public void A_checkpoint_to_resume_is_found_beside_the_configuration()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Folder, "old", "step-5"));

        var resume = _folder.Load(ConfigurationFolder.Valid, "checkpoint.resume=old/step-5").Checkpoint.Resume;

        Assert.Equal(Path.Combine(_folder.Folder, "old", "step-5"), resume.Path);
    }

    [Fact]
    public void Keys_of_DeepSpeed_that_do_nothing_here_are_accepted_and_said_to_do_nothing()
    {
        var configuration = _folder.Load(ConfigurationFolder.Valid, "zero_optimization.contiguous_gradients=false", "zero_optimization.sub_group_size=1e9");

        var warning = Assert.Single(configuration.Warnings);
        Assert.Contains("zero_optimization.contiguous_gradients has no effect", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_key_of_DeepSpeeds_sharding_section_is_accepted_with_its_meaning_or_a_note()
    {
        // https://www.deepspeed.ai/docs/config-json, ZeRO and its offloading sections, with the older names.
        var configuration = _folder.Load(ConfigurationFolder.Valid, """
            zero_optimization={ "stage": 3, "allgather_partitions": true, "allgather_bucket_size": 5e6, "overlap_comm": true, "reduce_scatter": true,
              "reduce_bucket_size": 5e6, "contiguous_gradients": true, "round_robin_gradients": false, "load_from_fp32_weights": true,
              "stage3_max_live_parameters": 1e9, "stage3_max_reuse_distance": 1e9, "stage3_prefetch_bucket_size": 5e8,
              "stage3_param_persistence_threshold": 1e6, "stage3_model_persistence_threshold": 1e9, "sub_group_size": 1e12,
              "stage3_gather_16bit_weights_on_model_save": true, "ignore_unused_parameters": true, "elastic_checkpoint": false, "legacy_stage1": false,
              "offload_param": { "device": "nvme", "nvme_path": "nvme", "pin_memory": true, "buffer_count": 5, "buffer_size": 1e8, "max_in_cpu": 1e9 },
              "offload_optimizer": { "device": "nvme", "nvme_path": "/local_nvme", "pin_memory": true, "buffer_count": 6, "fast_init": false,
                "pipeline_read": false, "pipeline_write": true, "ratio": 0.5 },
              "zero_hpz_partition_size": 1, "zero_quantized_weights": false, "zero_quantized_gradients": false, "mics_shard_size": -1,
              "mics_hierarchical_params_gather": false, "memory_efficient_linear": true, "cpu_offload": false }
            """.ReplaceLineEndings(" "));

        var options = SettingsMapping.Zero(configuration.ZeroOptimization, configuration.Randomness);

        Assert.Equal(("/local_nvme", Path.Combine(_folder.Folder, "nvme")), (options.OptimizerStateFolder, options.ParameterFolder));
        Assert.Equal((6, 1_000_000), (options.OffloadBuffers, options.OffloadBufferElements));
        Assert.Contains("zero_optimization.mics_shard_size has no effect: a shard is a part of all ranks.", configuration.Warnings);
        Assert.Contains("zero_optimization.offload_optimizer.ratio has no effect: updates are always computed on the processor.", configuration.Warnings);
        Assert.Contains("zero_optimization.cpu_offload has no effect: the optimizer's state is in main memory anyway.", configuration.Warnings);
    }

    [Theory]
    [InlineData(3, "cpu", "a rank's shard of the parameters is in main memory anyway")]
    [InlineData(2, "nvme", "below stage 3 every rank needs all parameters in memory")]
    public void Parameters_that_are_not_moved_are_said_to_stay(int stage, string device, string why)
    {
        var configuration = _folder.Load(
            ConfigurationFolder.Valid, $"zero_optimization.stage={stage}", $$"""zero_optimization.offload_param={ "device": "{{device}}", "nvme_path": "nvme" }""");

        Assert.Contains($"zero_optimization.offload_param.device has no effect: {why}.", configuration.Warnings);
        Assert.Null(SettingsMapping.Zero(configuration.ZeroOptimization, configuration.Randomness).ParameterFolder);
    }

    [Theory]
    [InlineData("1000", 1000, false)]
    [InlineData("5e6", long.MaxValue, false)]
    [InlineData("5e7", long.MaxValue, true)]
    public void Parameters_are_gathered_in_pieces_of_allgather_bucket_size_below_a_bucket(string size, long elements, bool warns)
    {
        var configuration = _folder.Load(
            ConfigurationFolder.Valid, $"zero_optimization.allgather_bucket_size={size}", "zero_optimization.reduce_bucket_size=5e6",
            "zero_optimization.stage3_max_live_parameters=70000");

        var options = SettingsMapping.Zero(configuration.ZeroOptimization, configuration.Randomness);

        Assert.Equal((elements, 70_000), (options.AllGatherBucketSize, options.MaxLiveElements));
        Assert.Equal(warns, configuration.Warnings.Any(warning => warning.StartsWith("zero_optimization.allgather_bucket_size has no effect", StringComparison.Ordinal)));
    }
}
