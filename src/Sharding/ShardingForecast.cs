using System.Numerics;
using OrtZero.Autograd;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>Memory and traffic of every ZeRO stage for any number of ranks, found without allocating or starting anything.</summary>
public static class ShardingForecast
{
    /// <summary>Stages 0 to 3.</summary>
    /// <param name="graph">A training graph with its <see cref="TrainingGraph.Values"/>; without them activations count as nothing.</param>
    /// <param name="groups">The settings of every parameter.</param>
    /// <param name="worldSize">The number of ranks, at least 1.</param>
    /// <param name="options">Bucket sizes and the like; the stage is not looked at.</param>
    /// <param name="microBatches">Micro-batches of a rank in one update, at least 1.</param>
    /// <param name="keepsAverage">Whether a moving average of the parameters is kept.</param>
    /// <param name="copiesForCheckpoints">Whether checkpoints are written from a copy.</param>
    /// <param name="keepsStart">Whether a copy of the parameters as they were at the start is kept.</param>
    /// <exception cref="ShardingException">Graph and groups disagree about a parameter.</exception>
    public static IReadOnlyList<StageForecast> Of(
        TrainingGraph graph, ParameterGroupTable groups, int worldSize, ZeroOptions options, int microBatches, bool keepsAverage = false,
        bool copiesForCheckpoints = false, bool keepsStart = false)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatches, 1);
        return [.. Enumerable.Range(0, 4).Select(stage =>
        {
            var forecast = AtStage(graph, groups, worldSize, options with { Stage = stage }, microBatches, keepsAverage, copiesForCheckpoints, out var shardBytes);
            return keepsStart ? forecast with { ModelState = forecast.ModelState with { Start = shardBytes } } : forecast;
        })];
    }

    private static StageForecast AtStage(
        TrainingGraph graph, ParameterGroupTable groups, int worldSize, ZeroOptions options, int microBatches, bool keepsAverage, bool copiesForCheckpoints,
        out long shardBytes)
    {
        var stage = options.Stage;
        var plan = PartitionPlan.Create(graph, worldSize, options);
        shardBytes = plan.ShardElements * sizeof(float);
        var trained = plan.Parameters.Select(_ => true).ToArray();
        var attached = ReduceGradPass.Attach(graph, plan, trained, ZeroEngine.OperatorDomain);
        var schedule = plan.SharedOffset > 0
            ? GatherParamPass.Attach(attached, plan, options.MaxReuseDistance, options.MaxLiveElements, ZeroEngine.OperatorDomain)
            : new GatherSchedule([], []);
        var order = schedule.Parameters;

        // Rank 0, whose pieces are never padding alone.
        var memory = ModelStateMemory.Estimate(plan, stage, groups, rank: 0, options) with { Average = keepsAverage ? shardBytes : 0 };
        var streamed = stage >= 2 || options.Deterministic;
        if (options.Deterministic)
        {
            var partials = plan.ShardElements * sizeof(float) * Partials(microBatches);
            memory = memory with { Gradients = partials + (stage == 0 && worldSize > 1 ? plan.TotalElements * sizeof(float) : 0) };
        }

        var bucket = plan.Buckets.Max(bucket => bucket.Length) * sizeof(float);
        var buffers = streamed && worldSize > 1
            ? bucket * (Math.Min(plan.Buckets.Count, StreamedGradients.PooledBuckets) + (options.Deterministic ? 1 : 0))
            : 0;
        if (order.Length > 0)
        {
            buffers += ParameterGatherer.RingElements(plan, order, options.Ahead) * sizeof(float);
        }

        if (stage > 0)
        {
            buffers += PieceGather.PassingElements(plan, options.AllGatherBucketSize) * sizeof(float);
        }

        // A copy in memory would spend what files save, so training waits instead.
        var isOffloaded = options.OptimizerStateFolder is not null || (stage == 3 && options.ParameterFolder is not null);

        // Every collective here makes a rank send (N - 1) / N of the bytes it is about.
        var all = plan.TotalElements * sizeof(float);
        var reduced = all * (streamed ? microBatches : 1);
        var gathered = stage < 3 ? all : (all - (plan.SharedOffset * sizeof(float))) + (order.Sum(plan.GatheredElements) * sizeof(float) * microBatches);
        var sent = (reduced + gathered) / worldSize * (worldSize - 1);
        return new StageForecast(stage, memory, buffers, ActivationEstimate.PeakBytes(attached), sent)
        {
            GatheredBytes = schedule.MostLive * sizeof(float),
            CheckpointBytes = copiesForCheckpoints && !isOffloaded ? CheckpointSnapshot.MostBytes(plan, groups, keepsAverage) : 0,
        };
    }

    // Shards of partial sums that the binary counter needs: the most ones in the index of a micro-batch.
    private static int Partials(int microBatches) => Math.Max(1, Enumerable.Range(0, microBatches).Max(leaf =>
        BitOperations.TrailingZeroCount(~(uint)leaf) > 0 ? BitOperations.PopCount((uint)leaf) : BitOperations.PopCount((uint)leaf) + 1));
}
