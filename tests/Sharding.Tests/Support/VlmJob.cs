using System.Text.Json;
using OrtZero.Autograd;
using OrtZero.Kernels;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Tests.Support;

/// <summary>The recipe of fixtures/vlm/golden, run through ONNX Runtime and the engine.</summary>
internal sealed class VlmJob
{
    public const int Updates = 10;
    public const int MicroBatchesPerUpdate = 2;
    private const int MicroBatch = 8;

    private static readonly Lazy<VlmJob> s_instance = new(() => new VlmJob());

    private readonly NpyArray _images = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "image.npy"));
    private readonly NpyArray _ids = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "input_ids.npy"));
    private readonly NpyArray _labels = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "labels.npy"));
    private readonly OnnxModel _model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx"));

    private VlmJob()
    {
        var report = ModelImporter.Import(_model);
        var trainable = report.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).ToList();
        var inputs = Inputs(0).Where(pair => pair.Key != "labels").ToDictionary();
        var values = ModelProbe.Describe(Environment, _model, inputs);
        Graph = new TrainingGraphBuilder().Build(_model, values, new LossOptions { Output = "logits", Labels = "labels" }, trainable);
        var uses = ParameterKinds.Detect(_model, trainable);
        Groups = ParameterGroupTable.Resolve(
            [.. Graph.Parameters.Select(parameter => new ParameterDescription(
                parameter.Name, parameter.Shape, uses[parameter.Name].Kind, uses[parameter.Name].IsBias))],
            new OptimizerSettings { LearningRate = 1e-3, WeightDecay = 0.05, Beta1 = 0.9, Beta2 = 0.95 },
            new ParamwiseRules
            {
                // The recipe decays what has at least two axes and nothing else.
                FlatDecayMult = 0,
                NormDecayMult = 0,
                BiasDecayMult = 0,
                CustomOverridesKinds = false,
                CustomKeys = new Dictionary<string, CustomKeyRule> { ["visual_encoder."] = new() { LrMult = 0.1 } },
            },
            []);
        Assert.All(Groups.Parameters, parameter => Assert.Equal(parameter.Shape.Length >= 2 ? 0.05 : 0, parameter.WeightDecay));
    }

    public static VlmJob Instance => s_instance.Value;

    public static OrtEnvironment Environment { get; } = new(OrtLibrary.Load(RepositoryPaths.OrtLibrary), OrtLogLevel.Error);

    public TrainingGraph Graph { get; }

    public ParameterGroupTable Groups { get; }

    public static JsonElement Golden(string schedule) => JsonDocument
        .Parse(File.ReadAllText(RepositoryPaths.Fixture("vlm", "golden", "golden.json"))).RootElement.GetProperty("runs").GetProperty(schedule);

    public static double CosineFactor(int update) => 0.5 * (1 + Math.Cos(Math.PI * ((2 * update) + 1) / 20));

    public ZeroEngine Engine(ICommunicator ranks, ZeroOptions options)
    {
        var engine = new ZeroEngine(PartitionPlan.Create(Graph, ranks.Size, options), Groups, ranks, options);
        foreach (var parameter in Graph.Parameters)
        {
            engine.LoadParameter(parameter.Name, _model.Graph.Initializer.First(initializer => initializer.Name == parameter.Name).ToSingles());
        }

        return engine;
    }

    public static OrtSession Open(TrainingGraph graph, params CustomOperator[] operators)
    {
        using var domain = KernelLibrary.CreateDomain(Environment);
        foreach (var custom in operators)
        {
            domain.Add(custom);
        }

        using var options = new OrtSessionOptions(Environment) { IntraOpThreads = 1 };
        options.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        options.AddCustomOperators(domain);
        return OrtSession.Open(Environment, graph.Model, options);
    }

    /// <summary>The inputs of one of the 20 micro-batches.</summary>
    public Dictionary<string, OrtTensor> Inputs(int microBatch) => new()
    {
        ["image"] = OrtTensor.FromSingles(_images.Singles.AsSpan(microBatch * MicroBatch * 784, MicroBatch * 784), MicroBatch, 1, 28, 28),
        ["input_ids"] = OrtTensor.FromInt64s(_ids.Integers.AsSpan(microBatch * MicroBatch * 16, MicroBatch * 16), MicroBatch, 16),
        ["labels"] = OrtTensor.FromInt64s(_labels.Integers.AsSpan(microBatch * MicroBatch * 16, MicroBatch * 16), MicroBatch, 16),
    };

    public static OrtBinding Bind(OrtSession session, TrainingGraph graph, ZeroEngine engine, OrtTensor loss, OrtTensor token)
    {
        var binding = session.CreateBinding();
        foreach (var parameter in graph.Parameters.Where(parameter => !engine.IsGathered(parameter.Name)))
        {
            binding.Input(parameter.Name, engine.ParameterTensor(parameter.Name));
        }

        binding.Output(graph.LossName, loss);
        binding.Output(ZeroEngine.TokenOutput, token);
        return binding;
    }

    /// <summary>Trains and returns this rank's mean loss and the gradient norm of each update.</summary>
    public List<(double Loss, double Norm)> Train(ZeroEngine engine, Func<int, double>? factor = null)
    {
        var ranks = engine.Communicator;
        var graph = engine.AttachReduceGrad(Graph);
        using var session = Open(graph, [.. engine.Operators]);
        using var loss = OrtTensor.FromSingles([0f]);
        using var token = OrtTensor.FromSingles([0f]);
        using var binding = Bind(session, graph, engine, loss, token);
        var results = new List<(double, double)>();
        var own = MicroBatchesPerUpdate / ranks.Size;
        for (var update = 0; update < Updates; update++)
        {
            var sum = 0.0;
            for (var index = 0; index < own; index++)
            {
                var inputs = Inputs((update * MicroBatchesPerUpdate) + (index * ranks.Size) + ranks.Rank);
                foreach (var (name, tensor) in inputs)
                {
                    binding.Input(name, tensor);
                }

                engine.BeginMicroBatch(index == 0, index == own - 1);
                session.Run(binding);
                sum += loss.Span<float>()[0];
                foreach (var tensor in inputs.Values)
                {
                    tensor.Dispose();
                }
            }

            var rate = factor?.Invoke(update) ?? 1;
            var result = engine.Step(new UpdateSettings
            {
                GradientDivisor = MicroBatchesPerUpdate,
                MaxNorm = 1,
                LearningRates = [.. Groups.Groups.Select(group => group.LearningRate * rate)],
                WeightDecays = [.. Groups.Groups.Select(group => group.WeightDecay)],
            });
            results.Add((sum / own, result.GradientNorm));
        }

        return results;
    }
}
