namespace OrtZero.Training.Internal;

/// <summary>Settings that are allowed but do nothing.</summary>
internal static class ConfigurationWarnings
{
    public static IReadOnlyList<string> Find(TrainingConfiguration configuration)
    {
        var warnings = new List<string>();
        var zero = configuration.ZeroOptimization;
        NoEffect(zero.ContiguousGradients is false, "zero_optimization.contiguous_gradients", "gradients always lie in one contiguous buffer");
        NoEffect(
            zero.AllgatherBucketSize > zero.ReduceBucketSize,
            "zero_optimization.allgather_bucket_size", "parameters are gathered in buckets of reduce_bucket_size at most");
        NoEffect(zero.ReduceScatter is false, "zero_optimization.reduce_scatter", "from stage 1 gradients are always reduce-scattered");
        NoEffect(zero.AllgatherPartitions is false, "zero_optimization.allgather_partitions", "updated parameters always come back by all-gather");
        NoEffect(zero.LoadFromFp32Weights is false, "zero_optimization.load_from_fp32_weights", "parameters are always float32");
        NoEffect(zero.RoundRobinGradients is true, "zero_optimization.round_robin_gradients", "the order in which gradients are reduced is fixed");
        NoEffect(
            zero.OffloadParam.Device == OffloadDevice.Cpu,
            "zero_optimization.offload_param.device", "a rank's shard of the parameters is in main memory anyway");
        NoEffect(
            zero is { OffloadParam.Device: OffloadDevice.Nvme, Stage: < 3 },
            "zero_optimization.offload_param.device", "below stage 3 every rank needs all parameters in memory");
        NoEffect(zero.OffloadOptimizer.Ratio is < 1, "zero_optimization.offload_optimizer.ratio", "updates are always computed on the processor");
        NoEffect(
            configuration is { Randomness.Deterministic: true, Execution.IntraOpThreads: > 1 },
            "execution.intra_op_threads", "randomness.deterministic trains on one thread per rank, since matrix products inside ONNX Runtime depend on their number");
        NoEffect(configuration.Data.Val is { Shuffle: true }, "data.val.shuffle", "every validation sample counts once in any order");
        if (configuration.Data.Val is null)
        {
            NoEffect(configuration.TrainCfg.ValInterval is not null, "train_cfg.val_interval", "there is no data.val to validate on");
            NoEffect(configuration.Evaluation.Metric is not (null or EvaluationMetric.None), "evaluation.metric", "there is no data.val to validate on");
        }

        return warnings;

        void NoEffect(bool condition, string path, string why)
        {
            if (condition)
            {
                warnings.Add($"{path} has no effect: {why}.");
            }
        }
    }
}
