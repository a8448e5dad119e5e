using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>
/// Holds parameters, gradients and optimizer state in flat buffers divided among ranks, and updates them.
/// </summary>
/// <remarks>
/// <para>Use: <see cref="LoadParameter"/> for every parameter (or a checkpoint), <see cref="BroadcastParameters"/>, bind
/// <see cref="ParameterTensor"/> to the session of <see cref="AttachReduceGrad"/>'s graph; then per micro-batch
/// <see cref="BeginMicroBatch"/> and a run, and at the end of each update <see cref="Step"/>. Every rank makes the same calls in
/// the same order. Nothing is allocated per step.</para>
/// <para>A failure on the communication thread is thrown by the next call as <see cref="ShardingException"/>.</para>
/// </remarks>
public sealed partial class ZeroEngine : IDisposable
{
    /// <summary>The domain of <c>ReduceGrad</c>.</summary>
    public const string OperatorDomain = "ortzero";

    /// <summary>The graph output that <see cref="AttachReduceGrad"/> leaves in place of the gradients, a float32 scalar; bind it,
    /// so that the run computes the gradients.</summary>
    public const string TokenOutput = ReduceGradPass.TokenOutput;

    private readonly ParameterStore _parameters;
    private readonly ZeroOptions _options;
    private readonly Dictionary<string, OrtTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OrtTensor> _wholeTensors = new(StringComparer.Ordinal);
    private readonly GradientReducer _gradients;
    private readonly ShardedOptimizer _optimizer;
    private readonly Action<int> _gatherOverlapped;
    private readonly PieceGather? _pieces;
    private ParameterGatherer[] _gatherers = [];
    private ParameterGatherer? _gatherer;

    /// <summary>Allocates the buffers; parameters are zero until they are loaded. Collective.</summary>
    /// <param name="plan">The layout, made for the communicator's size.</param>
    /// <param name="groups">The settings of every parameter of the plan. Frozen ones take part in nothing but storage.</param>
    /// <param name="communicator">The ranks; not disposed by the engine.</param>
    /// <param name="options">Stage and overlap; the bucket size is the plan's.</param>
    /// <param name="logger">Where the layout is described, or null.</param>
    /// <exception cref="ShardingException">The plan is for another number of ranks, a parameter has no settings or other
    /// shapes, the stage is not 0 to 3, the number of ranks is no power of two or gradients travel in 16 bits although sums must be deterministic, or ranks were given
    /// different layouts, settings or options; the last on every rank.</exception>
    public ZeroEngine(PartitionPlan plan, ParameterGroupTable groups, ICommunicator communicator, ZeroOptions options, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(communicator);
        ArgumentNullException.ThrowIfNull(options);
        if (plan.WorldSize != communicator.Size)
        {
            throw new ShardingException($"The partition plan is for {plan.WorldSize} ranks but {communicator.Size} are running: create it for the communicator's size.");
        }

        if (options.Stage is < 0 or > 3)
        {
            throw new ShardingException($"zero_optimization.stage is {options.Stage}: the stages are 0 to 3.");
        }

        if (options.Deterministic && !BitOperations.IsPow2(communicator.Size))
        {
            throw new ShardingException(
                $"randomness.deterministic needs a number of ranks that is a power of two, but {communicator.Size} are running: start {BitOperations.RoundUpToPowerOf2((uint)communicator.Size) / 2} or set it to false.");
        }

        if (options.Deterministic && options.Wire != WireFormat.Float32)
        {
            throw new ShardingException(
                $"Gradients that travel as {options.Wire} are rounded where ranks meet, so deterministic sums would depend on the number of ranks: use Float32, or no deterministic sums.");
        }

        if (plan.SharedOffset > 0 && options.Stage < 3)
        {
            throw new ShardingException($"The partition plan gathers parameters one by one, which is stage 3, but the stage is {options.Stage}: create the plan with the engine's options.");
        }

        SettingsAgreement.Require(plan, groups, communicator, options);
        _options = options;
        Plan = plan;
        Groups = groups;
        Communicator = communicator;
        Stage = options.Stage;
        var settings = ShardedOptimizer.SettingsOf(plan, groups);
        _frozen = Array.ConvertAll(settings, parameter => parameter.Frozen);
        _trained = Array.ConvertAll(_frozen, frozen => !frozen);
        _movingBuckets = MovingBuckets();
        OwnedRanges = [.. plan.RangesOf(communicator.Rank).Select(range => new OwnedRange(range, settings[range.Parameter]))];
        _parameters = new ParameterStore(plan, communicator.Rank, options.ParameterFolder);
        _norm = new GradientNorm(plan, communicator, _trained);
        _gradients = Stage < 2 && !options.Deterministic
            ? new FlatGradients(plan, communicator, gather: Stage == 0, options.OverlapComm, options.Wire, _trained)
            : new StreamedGradients(
                plan, communicator, gather: Stage == 0, options.OverlapComm, options.Deterministic, options.Wire, _trained);
        _optimizer = new ShardedOptimizer(plan, groups, communicator, options, _parameters, _gradients);
        _pieces = Stage > 0 ? new PieceGather(plan, communicator.Rank, options.AllGatherBucketSize) : null;
        _gatherOverlapped = bucket => GatherUpdated(_gradients.OverlapCommunicator!, bucket);
        ReduceGradOperator = new ReduceGradOperator(plan, _gradients);
        Operators = [ReduceGradOperator, new GatherParamOperator(() => _gatherer ?? throw new ShardingException("The graph was not prepared by this engine's AttachReduceGrad."))];
        if (logger is not null)
        {
            Log.EngineReady(
                logger, Stage, plan.Parameters.Count, plan.ParameterElements, plan.Buckets.Count, communicator.Rank, communicator.Size, Memory.Total);
        }
    }

    /// <summary>The layout.</summary>
    public PartitionPlan Plan { get; }

    /// <summary>The settings of every parameter.</summary>
    public ParameterGroupTable Groups { get; }

    /// <summary>The ranks.</summary>
    public ICommunicator Communicator { get; }

    /// <summary>The ZeRO stage.</summary>
    public int Stage { get; }

    /// <summary>The stretches of tensors in this rank's shard, each with its parameter's settings.</summary>
    public IReadOnlyList<OwnedRange> OwnedRanges { get; }

    /// <summary>The bytes of model state this rank has allocated so far. Accumulating deterministically needs another shard of
    /// gradients for every doubling of the micro-batches of an update beyond two.</summary>
    public ModelStateMemory Memory => new(_parameters.ByteLength, _gradients.ByteLength, _optimizer.ByteLength) { Average = _average?.ByteLength ?? 0, Start = _start?.ByteLength ?? 0 };

    /// <summary>The bytes of buffers for buckets on their way between ranks, allocated so far.</summary>
    public long TransitBytes => _gradients.TransitBytes + (_pieces?.ByteLength ?? 0) + (_watch?.ByteLength ?? 0) + _gatherers.Distinct().Sum(gatherer => gatherer.ByteLength);

    /// <summary>How many updates were applied (skipped ones do not count): the t of Adam's bias correction.</summary>
    public long Updates { get; internal set; }

    /// <summary>The custom operator that the graph of <see cref="AttachReduceGrad"/> needs; belongs into the domain
    /// <see cref="OperatorDomain"/> of the session.</summary>
    public CustomOperator ReduceGradOperator { get; }

    /// <summary>All custom operators that graphs of <see cref="AttachReduceGrad"/> may need, for the domain
    /// <see cref="OperatorDomain"/> of the session.</summary>
    public IReadOnlyList<CustomOperator> Operators { get; }

    /// <summary>Whether the graph of <see cref="AttachReduceGrad"/> gathers a parameter itself (stage 3), so that it is no input to
    /// bind.</summary>
    /// <exception cref="ShardingException">The plan holds no parameter of that name.</exception>
    public bool IsGathered(string name) => Plan.IsGathered(Plan.IndexOf(name));

    /// <summary>A view of a parameter where the engine keeps it. Bind it once: updates happen in place. One that
    /// <see cref="IsGathered"/> has a value only from <see cref="GatherWholeParameters"/> to <see cref="ReleaseWholeParameters"/>.
    /// Owned by the engine.</summary>
    /// <exception cref="ShardingException">The plan holds no parameter of that name, or it is in pieces now.</exception>
    public OrtTensor ParameterTensor(string name)
    {
        var index = Plan.IndexOf(name);
        var tensors = Plan.IsGathered(index) ? _wholeTensors : _tensors;
        if (!tensors.TryGetValue(name, out var tensor))
        {
            var (buffer, offset) = _parameters.Whole(Plan.Parameters[index]);
            tensor = OrtTensor.Wrap(buffer, offset * sizeof(float), TensorElementType.Float, Plan.Parameters[index].Shape);
            tensors.Add(name, tensor);
        }

        return tensor;
    }

    /// <summary>Makes every parameter whole until <see cref="ReleaseWholeParameters"/>, for evaluation and export at stage 3; at other
    /// stages they always are. Their memory is that of the whole model. Between updates. Collective.</summary>
    /// <param name="keep">False: this rank only takes part, so that others can have them.</param>
    public void GatherWholeParameters(bool keep = true)
    {
        ReleaseWholeParameters();
        _parameters.GatherWhole(Communicator, keep);
    }

    /// <summary>Frees what <see cref="GatherWholeParameters"/> made; tensors of gathered parameters are gone with it.</summary>
    public void ReleaseWholeParameters()
    {
        foreach (var tensor in _wholeTensors.Values)
        {
            tensor.Dispose();
        }

        _wholeTensors.Clear();
        _parameters.ReleaseWhole();
    }

    /// <summary>Sets a parameter's value on this rank, or, of one that <see cref="IsGathered"/>, the pieces this rank owns.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="values">Every element in row-major order.</param>
    /// <exception cref="ShardingException">Unknown name or another number of elements.</exception>
    public void LoadParameter(string name, ReadOnlySpan<float> values)
    {
        var planned = Plan.Parameters[Plan.IndexOf(name)];
        if (values.Length != planned.Length)
        {
            throw new ShardingException(
                $"Parameter '{name}' has {planned.Length} elements ([{string.Join(", ", planned.Shape)}]) but {values.Length} were given.");
        }

        if (!IsGathered(name))
        {
            _parameters.Write(planned.Offset, values);
            return;
        }

        foreach (var (range, _) in OwnedRanges.Where(owned => owned.Settings.Name == name))
        {
            _parameters.Write(range.FlatOffset, values.Slice((int)range.Start, range.Length));
        }
    }

    /// <summary>The whole current value of a parameter in row-major order; changes with every update.</summary>
    /// <exception cref="ShardingException">The plan holds no parameter of that name, or it is in pieces: see
    /// <see cref="GatherWholeParameters"/>.</exception>
    public ReadOnlySpan<float> Parameter(string name)
    {
        var planned = Plan.Parameters[Plan.IndexOf(name)];
        var (buffer, offset) = _parameters.Whole(planned);
        return buffer.Span<float>(offset, checked((int)planned.Length));
    }

    /// <summary>Gives every rank the parameters of rank 0. Those that are in pieces at stage 3 are left as they are: there every rank
    /// must be given the same values. Collective.</summary>
    public void BroadcastParameters()
    {
        if (Communicator.Size == 1)
        {
            return;
        }

        foreach (var bucket in Plan.Buckets.Where(bucket => bucket.Offset >= Plan.SharedOffset))
        {
            Communicator.Broadcast(MemoryMarshal.AsBytes(ParameterSpan(bucket.Offset, (int)bucket.Length)), root: 0);
        }
    }

    /// <summary>Says that a micro-batch is about to run.</summary>
    /// <param name="first">It is the first of an update: gradients are written, not added.</param>
    /// <param name="last">It is the last of an update: full buckets are reduced while it runs. When a last micro-batch was not
    /// announced, <see cref="Step"/> reduces everything itself.</param>
    /// <param name="graph">Which of the attached graphs is about to run.</param>
    /// <exception cref="InvalidOperationException">The order of calls is wrong.</exception>
    public void BeginMicroBatch(bool first, bool last, int graph = 0)
    {
        _gradients.BeginMicroBatch(first, last);
        _gatherer = _gatherers.Length > 0 ? _gatherers[graph] : null;
        _gatherer?.Begin();
    }

    /// <summary>Adds a gradient to the update, as the ReduceGrad nodes do; for gradients that come from elsewhere.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="gradient">Every element in row-major order.</param>
    public void Accumulate(string name, ReadOnlySpan<float> gradient) => _gradients.Accumulate(Plan.IndexOf(name), gradient);

    /// <summary>
    /// Applies the accumulated gradients: reduces what is left, divides, clips to the global norm, updates and gathers. A
    /// gradient that is not finite makes every rank skip the update alike. Collective.
    /// </summary>
    /// <remarks>Clipping multiplies by min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ does.</remarks>
    /// <exception cref="ArgumentException">The settings do not fit the groups.</exception>
    /// <exception cref="ShardingException">A gradient did not come, or communication failed.</exception>
    public UpdateResult Step(in UpdateSettings settings)
    {
        CheckSettings(settings);
        _gradients.Finish();
        var norm = Math.Sqrt(_norm.SumOfSquares(_gradients, Trace)) / settings.GradientDivisor;
        if (!double.IsFinite(norm))
        {
            _gradients.Release();
            Watch(settings)?.Skip(settings.GradientDivisor);
            return new UpdateResult(norm, Skipped: true, ClipFactor: 1);
        }

        var clip = settings.MaxNorm is { } maxNorm ? Math.Min(1, maxNorm / (norm + 1e-6)) : 1;
        Updates++;
        Update(settings, (float)(clip / settings.GradientDivisor));
        _gradients.Release();
        return new UpdateResult(norm, Skipped: false, clip);
    }

    /// <summary>
    /// The gradients of the update that was accumulated, summed over ranks, divided, before clipping. <see cref="Step"/> may
    /// follow. Collective.
    /// </summary>
    /// <param name="divisor">What the sums are divided by.</param>
    public IReadOnlyDictionary<string, float[]> GatherGradients(double divisor)
    {
        _gradients.Finish();
        var gathered = new Dictionary<string, float[]>(StringComparer.Ordinal);
        for (var index = 0; index < Plan.Parameters.Count; index++)
        {
            if (_trained[index])
            {
                gathered.Add(Plan.Parameters[index].Name, new float[Plan.Parameters[index].Length]);
            }
        }

        var values = new float[Plan.Buckets.Max(bucket => bucket.Length)];
        var ranges = Plan.AllRanges().ToLookup(range => range.Bucket);
        foreach (var bucket in Plan.Buckets)
        {
            _gradients.GatherBucket(bucket.Index, values.AsSpan(0, (int)bucket.Length));
            foreach (var range in ranges[bucket.Index].Where(range => _trained[range.Parameter]))
            {
                var target = gathered[Plan.Parameters[range.Parameter].Name];
                for (var element = 0; element < range.Length; element++)
                {
                    target[range.Start + element] = (float)(values[range.FlatOffset - bucket.Offset + element] / divisor);
                }
            }
        }

        return gathered;
    }

    /// <summary>Ends the communication thread and gives the memory back.</summary>
    public void Dispose()
    {
        foreach (var tensor in _tensors.Values)
        {
            tensor.Dispose();
        }

        _tensors.Clear();
        ReleaseWholeParameters();
        if (DisposeGatherers() & _gradients.TryDispose())
        {
            _pieces?.Dispose();
            _optimizer.Dispose();
            _average?.Dispose();
            _start?.Dispose();
            ForgetWatch();
            _parameters.Dispose();
        }
    }

    /// <summary>Whether optimizer state or parameters are in files; see <see cref="ZeroOptions.OptimizerStateFolder"/>. A copy in memory for
    /// <see cref="CheckpointWriter"/> would take the place that saves.</summary>
    public bool IsOffloaded => _optimizer.IsOffloaded;

    internal Span<float> ParameterSpan(long flatOffset, int count) => _parameters.Span(flatOffset, count);

    /// <summary>Where the parameters lie.</summary>
    internal ParameterStore Parameters => _parameters;

    /// <summary>The optimizer with its state.</summary>
    internal ShardedOptimizer Optimizer => _optimizer;

    /// <summary>Fills in what other ranks own from them, after each has set its own pieces. Collective.</summary>
    internal void GatherParameters()
    {
        foreach (var bucket in Plan.Buckets.Where(bucket => Communicator.Size > 1 && bucket.Offset >= Plan.SharedOffset))
        {
            GatherParameters(Communicator, bucket.Index);
        }
    }
}
