using System.Text.Json;
using System.Text.Json.Serialization;
using OrtZero.Sharding;

namespace OrtZero.Training.Internal;

/// <summary>What a checkpoint keeps of the loop: how far the data was used, from which the position of everything else follows.</summary>
/// <param name="Iteration">Iterations done.</param>
/// <param name="WorldSize">Ranks they were done on.</param>
/// <param name="MicroBatchSize">Samples of each rank in each.</param>
/// <param name="ModelPath">The forward model, for those who export the checkpoint.</param>
/// <param name="Schedule">Where the schedules are, if what validations measured moves them; else that follows from the iteration.</param>
internal sealed record RunState(long Iteration, int WorldSize, int MicroBatchSize, string? ModelPath = null, ScheduleState? Schedule = null)
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Running statistics by the name of their initializer.</summary>
    public IReadOnlyDictionary<string, float[]>? States { get; init; }

    /// <summary>What the run was told, as <see cref="SettingsSnapshot"/> gives it.</summary>
    public IReadOnlyDictionary<string, string>? Settings { get; init; }

    /// <summary>Samples of an update.</summary>
    public long? SamplesPerUpdate { get; init; }

    /// <summary>The best models and how long there was no better one, where that is looked for.</summary>
    public SelectionState? Selection { get; init; }

    /// <summary>The low-rank adapters that are trained in the place of the model's own weights. Null: there are none.</summary>
    public AdapterState? Adapters { get; init; }

    /// <summary>Whether the validation that is due after the iteration has not been done.</summary>
    public bool ValidationDue { get; init; }

    internal string ToJson() => JsonSerializer.Serialize(this, s_json);

    internal static RunState Parse(string path, JsonElement state)
    {
        try
        {
            return state.Deserialize<RunState>(s_json) ?? throw new JsonException("it is null");
        }
        catch (JsonException exception)
        {
            throw new CheckpointException($"{path} does not say how far its run had come: {exception.Message}; resume another checkpoint.", exception);
        }
    }

    /// <summary>The iteration to go on with when ranks and micro-batches may be of other numbers now: as many samples are behind it.</summary>
    internal long IterationFor(string path, int worldSize, int microBatchSize)
    {
        var samples = Iteration * WorldSize * MicroBatchSize;
        var (iteration, rest) = Math.DivRem(samples, (long)worldSize * microBatchSize);
        return rest == 0
            ? iteration
            : throw new CheckpointException(
                $"{path} was written after {samples} samples, which is no whole number of iterations of {worldSize} ranks x micro_batch_size {microBatchSize}: resume with {WorldSize} x {MicroBatchSize} or a divisor of it.");
    }
}
