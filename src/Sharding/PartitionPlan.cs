using OrtZero.Autograd;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>
/// Lays every parameter into one flat buffer and cuts that buffer into buckets and the buckets into one piece per rank.
/// </summary>
/// <remarks>
/// <para>Blocks are 256 elements. Every tensor begins on a block boundary, and nothing is ever cut inside a block, so whatever is
/// computed block by block (sums of squares) comes out the same at any world size.</para>
/// <para>Layout. Tensors lie in the order in which their gradients become ready, by default the reverse of the order given:
/// models list parameters from the first layer to the last, and the backward pass goes the other way, so the first buckets fill
/// while most of the backward pass is still to come. A tensor's offset depends on neither the world size nor the bucket size.</para>
/// <para>Buckets are equal cuts of the flat buffer, a multiple of 256 elements times the world size long; only the last one is
/// shorter and only its end is padding. A tensor may lie in several buckets and a bucket may hold many tensors. A rank's piece
/// may begin inside a tensor, or hold nothing but padding when the model is small.</para>
/// <para>At stage 3 tensors of a certain size on are gathered one by one. They come first, each in buckets of its own, so that the
/// ranks' pieces put together are the tensor; the small ones share the buckets behind them.</para>
/// </remarks>
public sealed class PartitionPlan
{
    /// <summary>The number of elements in a block.</summary>
    public const int BlockElements = 256;

    /// <summary>The largest bucket in elements (256 MiB of float32), which keeps one collective within what every MPI library moves.</summary>
    public const long MaxBucketElements = 1L << 26;

    private readonly Dictionary<string, int> _indices;
    private readonly PlannedParameter[] _parameters;
    private readonly Bucket[] _buckets;
    private readonly int[] _layoutOrder;

    private PartitionPlan(
        PlannedParameter[] parameters, int[] layoutOrder, Bucket[] buckets, int worldSize, long sharedOffset, Dictionary<string, int> indices)
    {
        SharedOffset = sharedOffset;
        _parameters = parameters;
        _layoutOrder = layoutOrder;
        _buckets = buckets;
        _indices = indices;
        WorldSize = worldSize;
        TotalElements = _buckets[^1].End;
        ShardElements = _buckets[^1].ShardOffset + _buckets[^1].PieceLength;
        ParameterElements = _parameters.Sum(parameter => parameter.Length);
    }

    /// <summary>The number of ranks the buckets are cut for.</summary>
    public int WorldSize { get; }

    /// <summary>The length of the flat buffer in elements, padding included.</summary>
    public long TotalElements { get; }

    /// <summary>The number of elements in all tensors, without padding.</summary>
    public long ParameterElements { get; }

    /// <summary>The number of elements one rank owns, padding included; the same on every rank.</summary>
    public long ShardElements { get; }

    /// <summary>Where the buckets begin that hold several tensors; 0 unless tensors are gathered one by one.</summary>
    public long SharedOffset { get; }

    /// <summary>The tensors in the order they were given (not the order of the layout).</summary>
    public IReadOnlyList<PlannedParameter> Parameters => _parameters;

    /// <summary>The buckets in the order in which they are reduced.</summary>
    public IReadOnlyList<Bucket> Buckets => _buckets;

    /// <summary>Lays out parameters for a number of ranks.</summary>
    /// <param name="parameters">Names and shapes, in the model's order.</param>
    /// <param name="worldSize">The number of ranks, at least 1.</param>
    /// <param name="bucketElements">The wanted bucket size in elements; rounded up to whole blocks for every rank and held to
    /// <see cref="MaxBucketElements"/>.</param>
    /// <param name="readinessOrder">The names in the order in which the gradients become ready, when it is known; null means the
    /// reverse of <paramref name="parameters"/>. Names it leaves out follow in the default order.</param>
    /// <param name="gatheredFrom">Tensors of at least so many elements are gathered one by one (stage 3); null: none is.</param>
    /// <exception cref="ShardingException">No parameter, a name that comes twice, a negative axis, or an unknown name in the order.</exception>
    public static PartitionPlan Create(
        IReadOnlyList<(string Name, long[] Shape)> parameters,
        int worldSize,
        long bucketElements,
        IReadOnlyList<string>? readinessOrder = null,
        long? gatheredFrom = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(bucketElements, 1);
        if (parameters.Count == 0)
        {
            throw new ShardingException("There is no trainable parameter to shard: unfreeze at least one parameter.");
        }

        var indices = IndexByName(parameters);
        var order = LayoutOrder(parameters, indices, readinessOrder);
        var planned = new PlannedParameter[parameters.Count];
        var lengths = parameters.Select(parameter => ElementCount(parameter.Name, parameter.Shape)).ToArray();
        if (gatheredFrom is { } threshold)
        {
            order = [.. order.Where(IsLarge), .. order.Where(index => !IsLarge(index))];

            bool IsLarge(int index) => lengths[index] >= Math.Max(1, threshold);
        }

        var buckets = new List<Bucket>();
        var offset = 0L;
        var sharedOffset = 0L;
        foreach (var index in order)
        {
            var (name, shape) = parameters[index];
            planned[index] = new PlannedParameter(name, [.. shape], offset, lengths[index]);
            offset = checked(offset + (planned[index].Blocks * BlockElements));
            if (gatheredFrom is { } size && lengths[index] >= Math.Max(1, size))
            {
                CutBuckets(buckets, offset - planned[index].Offset, worldSize, bucketElements);
                sharedOffset = offset = buckets[^1].End;
            }
        }

        // A model whose tensors are all empty still gets one bucket, so that nothing downstream needs a special case.
        if (offset > sharedOffset || buckets.Count == 0)
        {
            CutBuckets(buckets, Math.Max(offset - sharedOffset, 1), worldSize, bucketElements);
        }

        return new PartitionPlan(planned, order, [.. buckets], worldSize, sharedOffset, indices);
    }

    /// <summary>Lays out the trainable parameters of a training graph in the order in which it produces their gradients.</summary>
    /// <param name="graph">The training graph, before or after <see cref="ZeroEngine.AttachReduceGrad"/>.</param>
    /// <param name="worldSize">The number of ranks, at least 1. A single one gathers nothing, at stage 3 neither.</param>
    /// <param name="options">The bucket size and, at stage 3, which parameters persist.</param>
    /// <exception cref="ShardingException">No parameter, or no node computes a parameter's gradient.</exception>
    public static PartitionPlan Create(TrainingGraph graph, int worldSize, ZeroOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        return Create(graph, worldSize, options.ReduceBucketSize, options.Stage == 3 && worldSize > 1 ? options.PersistenceThreshold : null);
    }

    /// <summary>Lays out the trainable parameters of a training graph in the order in which it produces their gradients.</summary>
    /// <param name="graph">The training graph, before or after <see cref="ZeroEngine.AttachReduceGrad"/>.</param>
    /// <param name="worldSize">The number of ranks, at least 1.</param>
    /// <param name="bucketElements">The wanted bucket size in elements.</param>
    /// <param name="gatheredFrom">Tensors of at least so many elements are gathered one by one (stage 3); null: none is.</param>
    /// <exception cref="ShardingException">No parameter, or no node computes a parameter's gradient.</exception>
    public static PartitionPlan Create(TrainingGraph graph, int worldSize, long bucketElements, long? gatheredFrom = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return Create(
            [.. graph.Parameters.Select(parameter => (parameter.Name, parameter.Shape))],
            worldSize,
            bucketElements,
            [.. ReduceGradPass.ReadinessOrder(graph).Select(parameter => parameter.Name)],
            gatheredFrom);
    }

    /// <summary>The index of a parameter in <see cref="Parameters"/>.</summary>
    /// <exception cref="ShardingException">The plan holds no parameter of that name.</exception>
    public int IndexOf(string name) => _indices.TryGetValue(name, out var index)
        ? index
        : throw new ShardingException($"The partition plan holds no parameter '{name}': it is frozen or not in the model.");

    /// <summary>The index of a parameter in <see cref="Parameters"/>, or false when there is none of that name.</summary>
    public bool TryIndexOf(string name, out int index) => _indices.TryGetValue(name, out index);

    /// <summary>The stretches of tensors that a rank owns, in the order of its shard.</summary>
    /// <param name="rank">A rank from 0 to <see cref="WorldSize"/> - 1.</param>
    public IReadOnlyList<ShardRange> RangesOf(int rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, WorldSize);
        var ranges = new List<ShardRange>();
        var first = 0;
        foreach (var bucket in _buckets)
        {
            AddRanges(bucket, bucket.PieceOffset(rank), bucket.PieceLength, bucket.ShardOffset, ref first, ranges);
        }

        return ranges;
    }

    /// <summary>Every stretch of every tensor, cut at bucket boundaries only: what each rank holds when nothing is sharded.
    /// <see cref="ShardRange.ShardOffset"/> is the flat offset.</summary>
    public IReadOnlyList<ShardRange> AllRanges()
    {
        var ranges = new List<ShardRange>();
        var first = 0;
        foreach (var bucket in _buckets)
        {
            AddRanges(bucket, bucket.Offset, bucket.Length, bucket.Offset, ref first, ranges);
        }

        return ranges;
    }

    /// <summary>The index of the bucket that holds a position of the flat buffer.</summary>
    public int BucketAt(long flatOffset)
    {
        var (low, high) = (0, _buckets.Length - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = _buckets[middle].Offset <= flatOffset ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>Whether a tensor is gathered by itself, at stage 3.</summary>
    /// <param name="parameter">Its index in <see cref="Parameters"/>.</param>
    public bool IsGathered(int parameter) => _parameters[parameter].Offset < SharedOffset;

    /// <summary>The elements of a tensor's own buckets, padding included; only of one that <see cref="IsGathered"/>.</summary>
    /// <param name="parameter">Its index in <see cref="Parameters"/>.</param>
    public long GatheredElements(int parameter) =>
        _buckets[BucketAt(_parameters[parameter].Offset + _parameters[parameter].Length - 1)].End - _parameters[parameter].Offset;

    // Positions only grow from call to call, so `first` (an index into the layout) never has to go back.
    private void AddRanges(Bucket bucket, long start, long length, long shardStart, ref int first, List<ShardRange> ranges)
    {
        var end = start + length;
        while (first < _layoutOrder.Length && _parameters[_layoutOrder[first]] is var passed && passed.Offset + passed.Length <= start)
        {
            first++;
        }

        for (var position = first; position < _layoutOrder.Length; position++)
        {
            var parameter = _parameters[_layoutOrder[position]];
            if (parameter.Offset >= end)
            {
                break;
            }

            var from = Math.Max(start, parameter.Offset);
            var to = Math.Min(end, parameter.Offset + parameter.Length);
            if (from < to)
            {
                ranges.Add(new ShardRange(
                    _layoutOrder[position], from - parameter.Offset, (int)(to - from), from, shardStart + (from - start), bucket.Index));
            }
        }
    }

    private static Dictionary<string, int> IndexByName(IReadOnlyList<(string Name, long[] Shape)> parameters)
    {
        var indices = new Dictionary<string, int>(parameters.Count, StringComparer.Ordinal);
        for (var index = 0; index < parameters.Count; index++)
        {
            if (!indices.TryAdd(parameters[index].Name, index))
            {
                throw new ShardingException($"Parameter '{parameters[index].Name}' is listed twice: list every parameter once.");
            }
        }

        return indices;
    }

    private static int[] LayoutOrder(
        IReadOnlyList<(string Name, long[] Shape)> parameters, Dictionary<string, int> indices, IReadOnlyList<string>? readinessOrder)
    {
        var order = new List<int>(parameters.Count);
        var placed = new bool[parameters.Count];
        foreach (var name in readinessOrder ?? [])
        {
            if (!indices.TryGetValue(name, out var index))
            {
                throw new ShardingException($"The readiness order names '{name}', which is not among the parameters to shard.");
            }

            if (!placed[index])
            {
                placed[index] = true;
                order.Add(index);
            }
        }

        for (var index = parameters.Count - 1; index >= 0; index--)
        {
            if (!placed[index])
            {
                order.Add(index);
            }
        }

        return [.. order];
    }

    private static long ElementCount(string name, long[] shape)
    {
        var count = 1L;
        foreach (var length in shape)
        {
            if (length < 0)
            {
                throw new ShardingException(
                    $"Parameter '{name}' has shape [{string.Join(", ", shape)}]: every axis of a parameter needs a fixed, non-negative length.");
            }

            count = checked(count * length);
        }

        return count;
    }

    private static void CutBuckets(List<Bucket> buckets, long elements, int worldSize, long bucketElements)
    {
        var stride = (long)BlockElements * worldSize;
        var capacity = Math.Max(stride, RoundUp(Math.Min(bucketElements, MaxBucketElements), stride));
        if (capacity > MaxBucketElements)
        {
            capacity = Math.Max(stride, MaxBucketElements / stride * stride);
        }

        var (start, shardOffset) = buckets.Count == 0 ? (0L, 0L) : (buckets[^1].End, buckets[^1].ShardOffset + buckets[^1].PieceLength);
        for (var offset = 0L; offset < elements; offset += capacity)
        {
            var length = Math.Min(capacity, RoundUp(elements - offset, stride));
            buckets.Add(new Bucket(buckets.Count, start + offset, length, length / worldSize, shardOffset));
            shardOffset += length / worldSize;
        }
    }

    private static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;
}
