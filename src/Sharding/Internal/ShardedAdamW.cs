using OrtZero.Kernels;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// AdamW over the ranges a rank updates: its own shard (stage 1) or everything (stage 0), each range with the settings of the
/// parameter it was cut from.
/// </summary>
internal sealed class ShardedAdamW : IDisposable
{
    private readonly UpdateRange[] _ranges;
    private readonly int[] _firstOfBucket;
    private readonly AlignedBuffer _firstMoments;
    private readonly AlignedBuffer _secondMoments;

    public ShardedAdamW(PartitionPlan plan, ParameterGroupTable groups, int rank, bool sharded)
    {
        var stateElements = sharded ? plan.ShardElements : plan.TotalElements;
        var settings = SettingsOf(plan, groups);
        var ranges = (sharded ? plan.RangesOf(rank) : plan.AllRanges()).Where(range => !settings[range.Parameter].Frozen).ToArray();
        _ranges = Array.ConvertAll(ranges, range => new UpdateRange(
            range, groups.GroupOf(settings[range.Parameter].Name), settings[range.Parameter]));
        _firstOfBucket = new int[plan.Buckets.Count + 1];
        foreach (var range in ranges)
        {
            _firstOfBucket[range.Bucket + 1]++;
        }

        for (var bucket = 0; bucket < plan.Buckets.Count; bucket++)
        {
            _firstOfBucket[bucket + 1] += _firstOfBucket[bucket];
        }

        _firstMoments = new AlignedBuffer(stateElements * sizeof(float));
        _secondMoments = new AlignedBuffer(stateElements * sizeof(float));
    }

    /// <summary>The bytes of both moments.</summary>
    public long ByteLength => _firstMoments.ByteLength + _secondMoments.ByteLength;

    /// <summary>The settings of every planned parameter, in plan order.</summary>
    /// <exception cref="ShardingException">The table lacks a parameter or knows it with another shape.</exception>
    public static ParameterSettings[] SettingsOf(PartitionPlan plan, ParameterGroupTable groups)
    {
        var byName = groups.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        return [.. plan.Parameters.Select(planned =>
        {
            if (!byName.TryGetValue(planned.Name, out var settings))
            {
                throw new ShardingException(
                    $"Parameter '{planned.Name}' has no settings: resolve the parameter groups over all parameters of the plan.");
            }

            return settings.Shape.AsSpan().SequenceEqual(planned.Shape)
                ? settings
                : throw new ShardingException(
                    $"Parameter '{planned.Name}' is planned as [{string.Join(", ", planned.Shape)}] but its settings are for [{string.Join(", ", settings.Shape)}].");
        })];
    }

    /// <summary>Updates the ranges that lie in one bucket.</summary>
    /// <param name="bucket">The index of the bucket.</param>
    /// <param name="parameters">The flat parameter buffer.</param>
    /// <param name="gradients">The reduced gradients.</param>
    /// <param name="settings">The rates and decays of this update.</param>
    /// <param name="update">The number of this update, from 1.</param>
    /// <param name="gradientScale">What gradients are multiplied by: divisor and clipping in one factor.</param>
    public void UpdateBucket(
        int bucket, AlignedBuffer parameters, GradientReducer gradients, in UpdateSettings settings, long update, float gradientScale)
    {
        for (var index = _firstOfBucket[bucket]; index < _firstOfBucket[bucket + 1]; index++)
        {
            ref readonly var range = ref _ranges[index];
            var beta1 = settings.Momenta is { } momenta ? momenta[range.Group] : range.Beta1;
            AdamWKernel.Update(
                parameters.Span<float>(range.FlatOffset, range.Length),
                gradients.Span(range.FlatOffset, range.Length),
                FirstMoments(range.StateOffset, range.Length),
                SecondMoments(range.StateOffset, range.Length),
                new AdamWParameters
                {
                    LearningRate = settings.LearningRates[range.Group],
                    WeightDecay = settings.WeightDecays[range.Group],
                    Beta1 = beta1,
                    Beta2 = range.Beta2,
                    Epsilon = range.Epsilon,
                    BiasCorrection1 = 1 - Math.Pow(beta1, update),
                    BiasCorrection2 = 1 - Math.Pow(range.Beta2, update),
                    GradientScale = gradientScale,
                });
        }
    }

    /// <summary>A stretch of the first moments; offsets are of the state, which is the shard or the flat buffer.</summary>
    public Span<float> FirstMoments(long stateOffset, int count) => _firstMoments.Span<float>(stateOffset, count);

    /// <summary>A stretch of the second moments.</summary>
    public Span<float> SecondMoments(long stateOffset, int count) => _secondMoments.Span<float>(stateOffset, count);

    public void Dispose()
    {
        _firstMoments.Dispose();
        _secondMoments.Dispose();
    }

    private readonly struct UpdateRange(ShardRange range, int group, ParameterSettings settings)
    {
        public long FlatOffset { get; } = range.FlatOffset;

        public long StateOffset { get; } = range.ShardOffset;

        public int Length { get; } = range.Length;

        public int Group { get; } = group;

        public double Beta1 { get; } = settings.Beta1;

        public double Beta2 { get; } = settings.Beta2;

        public double Epsilon { get; } = settings.Epsilon;
    }
}
