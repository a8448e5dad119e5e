using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>The bytes of model state one rank holds. With Ψ parameters in float32 and N ranks: 4Ψ + 4Ψ + 8Ψ at stage 0,
/// 4Ψ + 4Ψ + 8Ψ/N at stage 1, 4Ψ + 4Ψ/N + 8Ψ/N at stage 2, 16Ψ/N at stage 3 (Rajbhandari et al.,
/// ZeRO, 2020, with float32 throughout), plus padding and, at stage 3, the parameters that stay whole. A moving average takes 4Ψ/N more at
/// every stage.</summary>
/// <param name="Parameters">Bytes of the parameters.</param>
/// <param name="Gradients">Bytes of the gradients.</param>
/// <param name="OptimizerState">Bytes of the optimizer's moments.</param>
public readonly record struct ModelStateMemory(long Parameters, long Gradients, long OptimizerState)
{
    /// <summary>Bytes of the moving average of the parameters; 0 where none is kept.</summary>
    public long Average { get; init; }

    /// <summary>Bytes of the copy of the parameters as they were at the start; 0 where none is kept.</summary>
    public long Start { get; init; }

    /// <summary>The sum of the five.</summary>
    public long Total => Parameters + Gradients + OptimizerState + Average + Start;

    /// <summary>What a rank will hold under a plan and an optimizer, without allocating it.</summary>
    /// <param name="plan">The layout.</param>
    /// <param name="stage">The ZeRO stage.</param>
    /// <param name="groups">The optimizer and the settings of every parameter of the plan.</param>
    /// <param name="rank">The rank; where only some parameters have a state, ranks differ.</param>
    /// <param name="options">What is kept in files, and the buffers for it, which count as optimizer state; the stage is not looked at. Null: nothing.</param>
    public static ModelStateMemory Estimate(PartitionPlan plan, int stage, ParameterGroupTable groups, int rank, ZeroOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        options = (options ?? new ZeroOptions()) with { Stage = stage };
        var memory = Estimate(plan, stage) with { OptimizerState = ShardedOptimizer.StateBytes(plan, groups, rank, options) };
        return options.ParameterFolder is null ? memory : memory with { Parameters = ParameterStore.SharedElements(plan) * sizeof(float) };
    }

    /// <summary>What a rank will hold under a plan with AdamW, without allocating anything.</summary>
    /// <param name="plan">The layout.</param>
    /// <param name="stage">The ZeRO stage, 0 to 3.</param>
    public static ModelStateMemory Estimate(PartitionPlan plan, int stage)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentOutOfRangeException.ThrowIfNegative(stage);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stage, 3);
        var full = plan.TotalElements * sizeof(float);
        var parameters = (ParameterStore.ShardElements(plan) + ParameterStore.SharedElements(plan)) * sizeof(float);
        var shard = plan.ShardElements * sizeof(float);
        return new ModelStateMemory(parameters, stage < 2 ? full : shard, 2 * (stage == 0 ? full : shard));
    }
}
