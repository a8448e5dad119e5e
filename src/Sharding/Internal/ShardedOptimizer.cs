using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Runs an optimizer over the ranges a rank updates, its own shard (from stage 1) or everything (stage 0), each range with the
/// settings of the parameter it was cut from, and keeps the optimizer's state.
/// </summary>
internal sealed class ShardedOptimizer : IDisposable
{
    private readonly PartitionPlan _plan;
    private readonly ICommunicator _communicator;
    private readonly bool _sharded;
    private readonly bool _hasMomentum;
    private readonly Optimizer _optimizer;
    private readonly ShardRange[] _all;
    private readonly StateLayout[] _layouts;
    private readonly AlignedBuffer?[] _states = new AlignedBuffer?[Optimizer.MaxStates];
    private readonly ParameterSettings[] _settings;
    private readonly int[] _firstOfBucket;
    private readonly int[] _groupOf;
    private readonly long[] _updates;
    private readonly ParameterStore _parameters;
    private readonly GradientReducer _gradients;
    private readonly ZeroOptions _options;
    private readonly OffloadedRanges? _offloaded;
    private readonly bool _statesInFile;
    private int[] _awake = [];
    private ShardRange[] _ranges = [];
    private StateOffsets[] _offsets = [];
    private int[] _groups = [];
    private bool[] _trained = [];
    private OptimizerPass _pass = null!;
    private UpdateSettings _update;
    private float _gradientScale;

    public ShardedOptimizer(
        PartitionPlan plan, ParameterGroupTable groups, ICommunicator communicator, ZeroOptions options, ParameterStore parameters, GradientReducer gradients)
    {
        var sharded = options.Stage > 0;
        _options = options;
        _plan = plan;
        _communicator = communicator;
        _sharded = sharded;
        _parameters = parameters;
        _gradients = gradients;
        Type = groups.Optimizer.Type;
        _hasMomentum = groups.Optimizer.HasMomentum;
        _settings = SettingsOf(plan, groups);
        _optimizer = OptimizerFactory.Create(groups.Optimizer, plan, _settings, communicator.Rank);
        _all = RangesOf(plan, communicator.Rank, options);
        _layouts = Layouts(_optimizer, _all, _settings, sharded ? plan.ShardElements : plan.TotalElements);
        _statesInFile = options.OptimizerStateFolder is not null;
        if (OffloadedRanges.LayoutOf(options, _optimizer, _all, _settings, plan) is { } layout)
        {
            _offloaded = new OffloadedRanges(layout, options, _optimizer, parameters, communicator.Rank);
        }

        for (var state = 0; state < _layouts.Length; state++)
        {
            if (_layouts[state].Elements > 0 && !_statesInFile)
            {
                _states[state] = new AlignedBuffer(_layouts[state].Elements * sizeof(float));
                Fill(_states[state]!, _layouts[state].Elements, _optimizer.InitialState(state));
            }
        }

        _firstOfBucket = new int[plan.Buckets.Count + 1];
        _groupOf = Array.ConvertAll(_settings, parameter => groups.GroupOf(parameter.Name));
        _updates = new long[_settings.Length];
        Train(Array.ConvertAll(_settings, parameter => !parameter.Frozen));
    }

    /// <summary>The optimizer's name.</summary>
    public string Type { get; }

    /// <summary>The names of its element-wise states.</summary>
    public IReadOnlyList<string> StateNames => _optimizer.StateNames;

    /// <summary>Its states of whole tensors.</summary>
    public IReadOnlyList<TensorState> TensorStates => _optimizer.TensorStates;

    /// <summary>The bytes of the optimizer's state on this rank.</summary>
    public long ByteLength => _states.Sum(state => state?.ByteLength ?? 0) + (_offloaded?.ByteLength ?? 0) + _optimizer.ByteLength;

    /// <summary>Whether state or weights pass through buffers from files, so that training had better wait for a checkpoint.</summary>
    public bool IsOffloaded => _offloaded is not null;

    /// <summary>The updates of every parameter so far, in plan order: the t of Adam's bias correction, which those that a parameter
    /// slept through do not count in.</summary>
    public Span<long> Updates => _updates;

    /// <summary>The number of ranges of parameters that are trained now.</summary>
    public int Count => _ranges.Length;

    /// <summary>What <see cref="ByteLength"/> will be on a rank.</summary>
    public static long StateBytes(PartitionPlan plan, ParameterGroupTable groups, int rank, ZeroOptions options)
    {
        var settings = SettingsOf(plan, groups);
        var ranges = RangesOf(plan, rank, options);
        using var optimizer = OptimizerFactory.Create(groups.Optimizer, plan, settings, rank);
        var layouts = Layouts(optimizer, ranges, settings, options.Stage > 0 ? plan.ShardElements : plan.TotalElements);
        var inMemory = options.OptimizerStateFolder is null ? layouts.Sum(layout => layout.Elements * sizeof(float)) : 0;
        var buffers = OffloadedRanges.LayoutOf(options, optimizer, ranges, settings, plan)?.BufferBytes(options.OffloadBuffers) ?? 0;
        return inMemory + buffers + optimizer.ByteLength;
    }

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

    /// <summary>Changes which parameters updates move; the state of the others stays as it is.</summary>
    /// <param name="trained">By parameter.</param>
    public void Train(bool[] trained)
    {
        _trained = trained;
        _awake = Enumerable.Range(0, _all.Length).Where(index => trained[_all[index].Parameter]).ToArray();
        _ranges = Array.ConvertAll(_awake, index => _all[index]);
        _offsets = Array.ConvertAll(_awake, index => new StateOffsets(_layouts, index));
        _offloaded?.Expect(index => trained[_all[index].Parameter]);
        _groups = Array.ConvertAll(_ranges, range => _groupOf[range.Parameter]);
        Array.Clear(_firstOfBucket);
        foreach (var range in _ranges)
        {
            _firstOfBucket[range.Bucket + 1]++;
        }

        for (var bucket = 0; bucket < _plan.Buckets.Count; bucket++)
        {
            _firstOfBucket[bucket + 1] += _firstOfBucket[bucket];
        }

        _pass = new OptimizerPass(this, _plan, _communicator, _sharded);
        _optimizer.TrainedChanged();
    }

    /// <summary>Begins an update: whatever the optimizer must know of whole tensors is found out. Collective.</summary>
    /// <param name="settings">The rates and decays of this update.</param>
    /// <param name="gradientScale">What gradients are multiplied by: divisor and clipping in one factor.</param>
    public void Begin(in UpdateSettings settings, float gradientScale)
    {
        _update = settings;
        _gradientScale = gradientScale;
        for (var parameter = 0; parameter < _updates.Length; parameter++)
        {
            _updates[parameter] += _trained[parameter] ? 1 : 0;
        }

        _optimizer.Prepare(_pass);
    }

    /// <summary>The ranges of parameters that are trained now, in the order of the layout.</summary>
    public IReadOnlyList<ShardRange> Ranges => _ranges;

    /// <summary>Whether <see cref="Begin"/> moves the weights of a range, rather than <see cref="UpdateBucket"/>.</summary>
    public bool MovesAhead(int index) => _optimizer.MovesAhead(_settings[_ranges[index].Parameter]);

    /// <summary>The weights of a range, valid until those of the next are asked for.</summary>
    public ReadOnlySpan<float> WeightsOf(int index)
    {
        _offloaded?.Enter(_awake[index]);
        return Weights(index);
    }

    /// <summary>The ranks that each update their own ranges; null when this rank updates everything.</summary>
    public ICommunicator? RangeOwners => _sharded ? _communicator : null;

    /// <summary>Updates the ranges that lie in one bucket.</summary>
    /// <param name="bucket">The bucket.</param>
    /// <param name="watch">Measures what is done to them, or null.</param>
    public void UpdateBucket(int bucket, GroupWatch? watch = null)
    {
        for (var index = _firstOfBucket[bucket]; index < _firstOfBucket[bucket + 1]; index++)
        {
            var range = ContextOf(index);
            watch?.Before(index, range);
            _optimizer.Update(range);
            watch?.After(index, range);
        }
    }

    /// <summary>Ends an update.</summary>
    public void End() => _offloaded?.End();

    /// <summary>A range with everything its update depends on, valid until the next one is asked for.</summary>
    public RangeContext ContextOf(int index)
    {
        _offloaded?.Enter(_awake[index]);
        ref readonly var range = ref _ranges[index];
        ref readonly var offsets = ref _offsets[index];
        var settings = _settings[range.Parameter];
        var group = _groups[index];
        var momentum = _update.Momenta?[group];
        return new RangeContext
        {
            Weights = Weights(index),
            Gradients = _gradients.Span(range.FlatOffset, range.Length),
            First = Slice(0, offsets.First, index),
            Second = Slice(1, offsets.Second, index),
            Third = Slice(2, offsets.Third, index),
            Parameter = range.Parameter,
            Start = range.Start,
            Settings = settings,
            LearningRate = _update.LearningRates[group],
            WeightDecay = _update.WeightDecays[group],
            Beta1 = _hasMomentum ? settings.Beta1 : momentum ?? settings.Beta1,
            Momentum = momentum ?? settings.Momentum,
            GradientScale = _gradientScale,
            Update = _updates[range.Parameter],
        };
    }

    /// <summary>The ranges of a rank's shard, cut as this one's are.</summary>
    public ShardRange[] ShardOf(int rank) => Cut(_plan.RangesOf(rank), _options);

    /// <summary>Whether a parameter is trained now.</summary>
    public bool IsTrained(int parameter) => _trained[parameter];

    /// <summary>The number of a parameter's update, from 1.</summary>
    public long UpdateOf(int parameter) => _updates[parameter];

    /// <summary>Block sums over the ranges of <see cref="ContextOf"/>.</summary>
    public BlockSums CreateSums() => new(_plan, RangeOwners, _ranges);

    /// <summary>Whether a parameter has a state.</summary>
    public bool HasState(int state, int parameter) => _optimizer.HasState(state, _settings[parameter]);

    /// <summary>A stretch of a state of a parameter, which this rank must hold as one range, until the next one is borrowed; what is changed
    /// in it counts after <see cref="Return"/>.</summary>
    /// <param name="state">The index of the state.</param>
    /// <param name="parameter">The index of the parameter.</param>
    /// <param name="start">The first element, counted from the start of the tensor.</param>
    /// <param name="count">The number of elements.</param>
    public Span<float> Borrow(int state, int parameter, long start, int count) => _statesInFile
        ? _offloaded!.Borrow(state, parameter, start, count)
        : _states[state]!.Span<float>(_layouts[state].Find(_all, parameter, start), count);

    /// <summary>Puts back what was borrowed.</summary>
    public void Return(int state, int parameter, long start, ReadOnlySpan<float> values)
    {
        if (_statesInFile)
        {
            _offloaded!.Return(state, parameter, start, values);
        }
    }

    /// <summary>How many elements of a state to borrow at a time: as many as there are where they are in memory.</summary>
    public int Stretch => _statesInFile ? 1 << 20 : int.MaxValue;

    public void Dispose()
    {
        _offloaded?.Dispose();
        foreach (var state in _states)
        {
            state?.Dispose();
        }

        _optimizer.Dispose();
    }

    private static StateLayout[] Layouts(Optimizer optimizer, ShardRange[] ranges, ParameterSettings[] settings, long elements) =>
        [.. optimizer.StateNames.Select((_, state) => new StateLayout(ranges, range => optimizer.HasState(state, settings[range.Parameter]), elements))];

    // What this rank updates. Results do not depend on where ranges are cut, so those that pass through buffers may be cut to fit.
    private static ShardRange[] RangesOf(PartitionPlan plan, int rank, ZeroOptions options)
    {
        var ranges = options.Stage > 0 ? plan.RangesOf(rank) : plan.AllRanges();
        return Cut(ranges, options);
    }

    private static ShardRange[] Cut(IReadOnlyList<ShardRange> ranges, ZeroOptions options) =>
        options.IsOffloaded ? OffloadLayout.Cut(ranges, options.OffloadBufferElements) : [.. ranges];

    private Span<float> Weights(int index)
    {
        var weights = _offloaded is null ? default : _offloaded.Weights(_awake[index]);
        return weights.IsEmpty ? _parameters.Span(_ranges[index].FlatOffset, _ranges[index].Length) : weights;
    }

    private Span<float> Slice(int state, long offset, int index)
    {
        if (offset < 0)
        {
            return default;
        }

        return _statesInFile ? _offloaded!.State(state, _awake[index]) : _states[state]!.Span<float>(offset, _ranges[index].Length);
    }

    private static void Fill(AlignedBuffer buffer, long elements, float value)
    {
        for (var position = 0L; value != 0 && position < elements; position += int.MaxValue)
        {
            buffer.Span<float>(position, (int)Math.Min(int.MaxValue, elements - position)).Fill(value);
        }
    }

    private readonly struct StateOffsets(StateLayout[] layouts, int range)
    {
        public long First { get; } = layouts.Length > 0 ? layouts[0].OffsetOf(range) : -1;

        public long Second { get; } = layouts.Length > 1 ? layouts[1].OffsetOf(range) : -1;

        public long Third { get; } = layouts.Length > 2 ? layouts[2].OffsetOf(range) : -1;
    }
}
