using OrtZero.Kernels;
using OrtZero.Runtime;

namespace OrtZero.Sharding;

/// <content>The exponential moving average of the parameters.</content>
public sealed partial class ZeroEngine
{
    private AlignedBuffer? _average;

    /// <summary>Whether an average is kept.</summary>
    public bool HasAverage => _average is not null;

    /// <summary>How many times the average was moved.</summary>
    public long AverageUpdates { get; internal set; }

    /// <summary>Keeps an average of the parameters from now on, which begins as they are; call it when they are loaded. Each rank keeps the
    /// average of its own shard at every stage: 4 bytes per element of it.</summary>
    public void BeginAverage()
    {
        _average ??= new AlignedBuffer(Math.Max(1, Plan.ShardElements) * sizeof(float));
        AverageUpdates = 0;
        foreach (var (range, _) in OwnedRanges)
        {
            foreach (var (start, count) in Stretches(range))
            {
                _parameters.Borrow(range.FlatOffset + start, count).CopyTo(AverageSpan(range.ShardOffset + start, count));
            }
        }
    }

    /// <summary>Moves the average: a = d·a + (1 - d)·w with d = min(decay, (1 + t) / (warmup + t)), t counting these calls from 1, as
    /// TensorFlow's ExponentialMovingAverage does with a warm-up of 10.</summary>
    /// <param name="decay">In [0, 1).</param>
    /// <param name="warmup">How slowly the decay grows at the beginning; 0 for not at all.</param>
    /// <exception cref="InvalidOperationException">No average is kept.</exception>
    public void UpdateAverage(double decay, double warmup)
    {
        RequireAverage();
        AverageUpdates++;
        var kept = Math.Min(decay, (1.0 + AverageUpdates) / (warmup + AverageUpdates));
        var rule = new DecayedStepRule(kept, kept - 1);
        foreach (var (range, _) in OwnedRanges)
        {
            var most = _parameters.Stretch(range.FlatOffset);
            for (var start = 0; start < range.Length; start += Math.Min(most, range.Length - start))
            {
                var count = Math.Min(most, range.Length - start);
                ElementwiseKernel.Run(rule, AverageSpan(range.ShardOffset + start, count), _parameters.Borrow(range.FlatOffset + start, count));
            }
        }
    }

    /// <summary>Puts the average in the place of the parameters and keeps them in its own; calling it again undoes that to the last bit.
    /// Between updates. Collective.</summary>
    /// <exception cref="InvalidOperationException">No average is kept.</exception>
    public void SwapAverage()
    {
        RequireAverage();
        Span<float> held = stackalloc float[PartitionPlan.BlockElements];
        foreach (var (range, _) in OwnedRanges)
        {
            foreach (var (start, count) in Stretches(range))
            {
                var parameters = _parameters.Borrow(range.FlatOffset + start, count);
                Swap(parameters, AverageSpan(range.ShardOffset + start, count), held);
                _parameters.Return(range.FlatOffset + start, parameters);
            }
        }

        GatherParameters();
    }

    private static void Swap(Span<float> left, Span<float> right, Span<float> held)
    {
        for (var start = 0; start < left.Length; start += held.Length)
        {
            var count = Math.Min(held.Length, left.Length - start);
            left.Slice(start, count).CopyTo(held);
            right.Slice(start, count).CopyTo(left[start..]);
            held[..count].CopyTo(right[start..]);
        }
    }

    // Parameters that are in a file are borrowed bit by bit.
    private IEnumerable<(int Start, int Count)> Stretches(ShardRange range)
    {
        var most = _parameters.Stretch(range.FlatOffset);
        for (var start = 0; start < range.Length; start += Math.Min(most, range.Length - start))
        {
            yield return (start, Math.Min(most, range.Length - start));
        }
    }

    private void RequireAverage()
    {
        if (!HasAverage)
        {
            throw new InvalidOperationException("This engine keeps no average of its parameters: call BeginAverage when they are loaded.");
        }
    }

    /// <summary>A stretch of this rank's average, by its offset in the shard.</summary>
    internal Span<float> AverageSpan(long shardOffset, int count) => _average!.Span<float>(shardOffset, count);
}
