using System.Collections.Immutable;

namespace OrtZero.Training.Internal;

/// <summary>Keys of DeepSpeed's <c>zero_optimization</c> that do nothing here whatever they say; they are accepted with a note, so that its
/// sections can be pasted.</summary>
internal static class DeepSpeedKeys
{
    private static readonly Dictionary<string, string> s_zero = new(StringComparer.Ordinal)
    {
        ["cpu_offload"] = "the optimizer's state is in main memory anyway",
        ["cpu_offload_param"] = "parameters are in main memory anyway",
        ["cpu_offload_params"] = "parameters are in main memory anyway",
        ["cpu_offload_use_pin_memory"] = "main memory is not copied through pinned buffers",
        ["elastic_checkpoint"] = "any number of ranks loads any checkpoint",
        ["legacy_stage1"] = "there is one stage 1",
        ["use_multi_rank_bucket_allreduce"] = "a bucket is reduced by one collective of all ranks",
        ["stage3_model_persistence_threshold"] = "stage3_param_persistence_threshold alone says which parameters stay whole",
        ["stage3_module_granularity_threshold"] = "parameters are gathered one by one",
        ["stage3_use_all_reduce_for_fetch_params"] = "parameters are gathered by all-gather",
        ["stage3_gather_16bit_weights_on_model_save"] = "the trained model is always written in full",
        ["stage3_gather_fp16_weights_on_model_save"] = "the trained model is always written in full",
        ["zero_hpz_partition_size"] = "a shard is a part of all ranks",
        ["zero_quantized_weights"] = "parameters travel as they are",
        ["zero_quantized_nontrainable_weights"] = "parameters travel as they are",
        ["zero_quantized_gradients"] = "communication_data_type says what gradients travel as",
        ["zeropp_loco_param"] = "communication_data_type says what gradients travel as",
        ["mics_shard_size"] = "a shard is a part of all ranks",
        ["mics_hierarchical_params_gather"] = "parameters are gathered by one all-gather of all ranks",
        ["memory_efficient_linear"] = "graph.recompute says what is kept for the backward pass",
        ["pipeline_loading_checkpoint"] = "every rank reads its own part of a checkpoint",
        ["override_module_apply"] = "the model is a graph and has no modules",
        ["log_trace_cache_warnings"] = "the order of parameters is fixed by the graph",
    };

    /// <summary>The keys of a section, each with the reason why it does nothing.</summary>
    public static IReadOnlyDictionary<string, string> Of(Type section) =>
        section == typeof(ZeroOptimizationSection) ? s_zero : ImmutableDictionary<string, string>.Empty;
}
