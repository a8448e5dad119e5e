using OrtZero.Mpi;

namespace OrtZero.Sharding.Tests.Support;

/// <summary>A made-up model: parameters of awkward sizes, gradients that are a function of (update, micro-batch, element), and
/// an AdamW in float64 that knows nothing of shards.</summary>
internal sealed class TestModel
{
    public TestModel(ParamwiseRules? rules = null, IReadOnlyList<string>? frozen = null, params (string Name, long[] Shape, ParameterKind Kind)[] parameters)
        : this(new OptimizerSettings { LearningRate = 2e-2, WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95 }, rules, frozen, parameters)
    {
    }

    public TestModel(
        OptimizerSettings optimizer,
        ParamwiseRules? rules,
        IReadOnlyList<string>? frozen = null,
        params (string Name, long[] Shape, ParameterKind Kind)[] parameters)
    {
        Rules = rules;
        Parameters = parameters.Length > 0 ? parameters :
        [
            ("vision.embed.weight", [3, 1, 7, 7], ParameterKind.Convolution),
            ("vision.norm.weight", [37], ParameterKind.Norm),
            ("vision.norm.bias", [37], ParameterKind.Norm),
            ("projector.weight", [37, 53], ParameterKind.Linear),
            ("projector.bias", [53], ParameterKind.Linear),
            ("language.scale", [], ParameterKind.Other),
            ("language.empty", [0, 4], ParameterKind.Other),
            ("language.embed", [101, 13], ParameterKind.Embedding),
            ("language.head.weight", [64, 64], ParameterKind.Linear),
        ];
        Groups = ParameterGroupTable.Resolve(
            [.. Parameters.Select(parameter => new ParameterDescription(parameter.Name, parameter.Shape, parameter.Kind))],
            optimizer,
            rules,
            frozen ?? []);
    }

    public (string Name, long[] Shape, ParameterKind Kind)[] Parameters { get; }

    public ParamwiseRules? Rules { get; }

    public ParameterGroupTable Groups { get; }

    /// <summary>At stage 3, the least elements of a parameter that is kept in pieces.</summary>
    public long GatheredFrom { get; init; } = 100;

    /// <summary>Makes gradients with all their bits, whose sums depend on the order.</summary>
    public bool InexactSums { get; init; }

    /// <summary>What else engines are to do.</summary>
    public Func<ZeroOptions, ZeroOptions> Options { get; set; } = options => options;

    public UpdateSettings Settings(double divisor, double? maxNorm = null, double factor = 1) => new()
    {
        GradientDivisor = divisor,
        MaxNorm = maxNorm,
        LearningRates = [.. Groups.Groups.Select(group => group.LearningRate * factor)],
        WeightDecays = [.. Groups.Groups.Select(group => group.WeightDecay)],
    };

    public static long Count(long[] shape) => shape.Aggregate(1L, (count, length) => count * length);

    public float[] Initial(string name) => Values(HashCode(name), Count(Shape(name)), 1);

    public float[] Gradient(string name, int update, int microBatch) =>
        Values(HashCode(name) + (7919 * (update + 1)) + (104729 * (microBatch + 1)), Count(Shape(name)), 3, InexactSums);

    public ZeroEngine Engine(ICommunicator ranks, int stage, long bucket = 1000, bool overlap = true, bool deterministic = false, WireFormat wire = WireFormat.Float32)
    {
        var options = Options(new ZeroOptions { Stage = stage, OverlapComm = overlap, Deterministic = deterministic, Wire = wire });
        var engine = new ZeroEngine(Plan(ranks.Size, bucket, stage == 3 ? GatheredFrom : null), Groups, ranks, options);
        foreach (var (name, _, _) in Parameters)
        {
            // Only rank 0 has the values; the others must get them from it, except for what nobody has whole.
            engine.LoadParameter(name, ranks.Rank == 0 || engine.IsGathered(name) ? Initial(name) : new float[Initial(name).Length]);
        }

        engine.BroadcastParameters();
        return engine;
    }

    public PartitionPlan Plan(int worldSize, long bucket, long? gatheredFrom = null) =>
        PartitionPlan.Create([.. Parameters.Select(parameter => (parameter.Name, parameter.Shape))], worldSize, bucket, gatheredFrom: gatheredFrom);

    /// <summary>Accumulates this rank's share of an update of <paramref name="microBatches"/> micro-batches over all ranks.</summary>
    public void Accumulate(ZeroEngine engine, int update, int microBatches, bool announceLast = true, Func<string, bool>? trains = null)
    {
        var ranks = engine.Communicator;
        var own = microBatches / ranks.Size;
        for (var index = 0; index < own; index++)
        {
            engine.BeginMicroBatch(first: index == 0, last: announceLast && index == own - 1);
            var names = Trainable().Where(name => trains?.Invoke(name) != false).ToList();
            // Another order on every rank: what fills first must not matter.
            for (var position = 0; position < names.Count; position++)
            {
                var name = names[(position + (ranks.Rank * 3)) % names.Count];
                engine.Accumulate(name, Gradient(name, update, (index * ranks.Size) + ranks.Rank));
            }
        }
    }

    public IEnumerable<string> Trainable() => Groups.Parameters.Where(parameter => !parameter.Frozen).Select(parameter => parameter.Name);

    /// <summary>The parameters after some updates, unsharded and in float64, and the gradient norm of each update.</summary>
    public (Dictionary<string, double[]> Parameters, List<double> Norms) Reference(
        int updates, int microBatches, double? maxNorm = null, Func<int, double>? factor = null)
    {
        var weights = Parameters.ToDictionary(parameter => parameter.Name, parameter => Array.ConvertAll(Initial(parameter.Name), value => (double)value));
        var first = weights.ToDictionary(pair => pair.Key, pair => new double[pair.Value.Length]);
        var second = weights.ToDictionary(pair => pair.Key, pair => new double[pair.Value.Length]);
        var norms = new List<double>();
        for (var update = 0; update < updates; update++)
        {
            var gradients = Trainable().ToDictionary(name => name, name => Mean(name, update, microBatches));
            var norm = Math.Sqrt(gradients.Values.Sum(gradient => gradient.Sum(value => value * value)));
            norms.Add(norm);
            var clip = maxNorm is { } max ? Math.Min(1, max / (norm + 1e-6)) : 1;
            foreach (var settings in Groups.Parameters.Where(parameter => !parameter.Frozen))
            {
                var (w, m, v) = (weights[settings.Name], first[settings.Name], second[settings.Name]);
                var rate = settings.LearningRate * (factor?.Invoke(update) ?? 1);
                for (var i = 0; i < w.Length; i++)
                {
                    var g = gradients[settings.Name][i] * clip;
                    w[i] -= rate * settings.WeightDecay * w[i];
                    m[i] = (settings.Beta1 * m[i]) + ((1 - settings.Beta1) * g);
                    v[i] = (settings.Beta2 * v[i]) + ((1 - settings.Beta2) * g * g);
                    var mean = m[i] / (1 - Math.Pow(settings.Beta1, update + 1));
                    var square = v[i] / (1 - Math.Pow(settings.Beta2, update + 1));
                    w[i] -= rate * mean / (Math.Sqrt(square) + settings.Epsilon);
                }
            }
        }

        return (weights, norms);
    }

    public double[] Mean(string name, int update, int microBatches)
    {
        var sum = new double[Count(Shape(name))];
        for (var microBatch = 0; microBatch < microBatches; microBatch++)
        {
            var gradient = Gradient(name, update, microBatch);
            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] += (double)gradient[i] / microBatches;
            }
        }

        return sum;
    }

    public Dictionary<string, float[]> Snapshot(ZeroEngine engine)
    {
        engine.GatherWholeParameters();
        var values = Parameters.ToDictionary(parameter => parameter.Name, parameter => engine.Parameter(parameter.Name).ToArray());
        engine.ReleaseWholeParameters();
        return values;
    }

    public static void AssertClose(Dictionary<string, double[]> expected, Dictionary<string, float[]> actual, double tolerance = 2e-6)
    {
        foreach (var (name, values) in expected)
        {
            for (var i = 0; i < values.Length; i++)
            {
                Assert.True(
                    Math.Abs(values[i] - actual[name][i]) <= tolerance * Math.Max(1, Math.Abs(values[i])),
                    $"{name}[{i}] is {actual[name][i]}, not {values[i]}.");
            }
        }
    }

    public static void AssertSameBits(Dictionary<string, float[]> expected, Dictionary<string, float[]> actual)
    {
        foreach (var (name, values) in expected)
        {
            Assert.True(
                values.AsSpan().SequenceEqual(actual[name]) || values.Select(BitConverter.SingleToUInt32Bits).SequenceEqual(actual[name].Select(BitConverter.SingleToUInt32Bits)),
                $"{name} differs.");
        }
    }

    private long[] Shape(string name) => Parameters.First(parameter => parameter.Name == name).Shape;

    private static int HashCode(string name) => name.Aggregate(17, (hash, letter) => unchecked((hash * 31) + letter));

    private static float[] Values(int seed, long count, double scale, bool allBits = false)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < values.Length; i++)
        {
            // Multiples of 1/256: any sum of these is exact in float32, whatever the order.
            var value = ((random.NextDouble() * 2) - 1) * scale;
            values[i] = (float)(allBits ? value : Math.Round(value * 256) / 256);
        }

        return values;
    }
}
