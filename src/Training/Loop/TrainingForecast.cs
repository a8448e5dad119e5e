using OrtZero.Mpi;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// What training a configuration will take on any number of ranks, found in one process without training: the model runs one
/// micro-batch forward, which tells the shapes of all its values.
/// </summary>
public sealed class TrainingForecast
{
    private TrainingForecast(PreparedModel prepared, int worldSize, IReadOnlyList<StageForecast> stages)
    {
        Prepared = prepared;
        WorldSize = worldSize;
        Stages = stages;
    }

    /// <summary>The model and its parameter groups.</summary>
    public PreparedModel Prepared { get; }

    /// <summary>The number of ranks.</summary>
    public int WorldSize { get; }

    /// <summary>The stages 0 to 3.</summary>
    public IReadOnlyList<StageForecast> Stages { get; }

    /// <summary>Makes the forecast.</summary>
    /// <param name="configuration">What would be trained.</param>
    /// <param name="worldSize">On how many ranks, at least 1.</param>
    public static TrainingForecast Of(TrainingConfiguration configuration, int worldSize)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        var prepared = PreparedModel.Load(configuration);
        using var alone = new SingleProcessCommunicator();
        using var materials = TrainingMaterials.Load(configuration, prepared, alone, logger: null);
        var options = SettingsMapping.Zero(configuration.ZeroOptimization, configuration.Randomness);
        return new TrainingForecast(
            prepared, worldSize,
            ShardingForecast.Of(materials.Graph, prepared.Groups, worldSize, options, configuration.OptimWrapper.AccumulativeCounts, configuration.Ema is not null,
                copiesForCheckpoints: configuration.Checkpoint is { Interval: not null, Async: true }, keepsStart: configuration.Log.WatchDistance));
    }
}
