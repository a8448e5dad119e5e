using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Builds artifacts by the conventions of onnxblock (orttraining/python/training/onnxblock/_training_graph_utils.py): the runtime
/// tells parameters, buffers and user inputs apart by their names and order.
/// </summary>
internal sealed class ArtifactBuilder
{
    /// <summary>The newest IR version the last official runtime, 1.19.2, reads.</summary>
    private const long NewestIrVersion = 10;

    private readonly ArtifactOptions _options;
    private readonly OnnxModel _model;
    private readonly ValueTable _values;
    private readonly LossOptions _loss;
    private readonly HashSet<string> _trainable;
    private readonly List<TensorProto> _parameters;
    private readonly string[] _userInputs;

    public ArtifactBuilder(OnnxModel model, ValueTable values, ArtifactOptions options)
    {
        _options = options;
        _trainable = [.. options.RequiresGrad];
        Check(model, options);
        _parameters = [.. model.Graph.Initializer.Where(tensor => _trainable.Contains(tensor.Name) || options.Frozen.Contains(tensor.Name))];
        var initializers = model.Graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        (_model, _values, _loss) = LossNodes.Add(model, values, options);
        _userInputs = [.. _model.Graph.Input.Select(input => input.Name).Where(name => !initializers.Contains(name))];
        if (_loss.Labels is { } labels && !_userInputs.Contains(labels))
        {
            _userInputs = [.. _userInputs, labels];
        }
    }

    public OfficialArtifacts Build() => new()
    {
        Training = Training(),
        Evaluation = Evaluation(),
        Optimizer = _options.Optimizer is { } optimizer ? OptimizerModel.Build(optimizer, _model.GetOpsetVersion()) : null,
        Checkpoint = new OfficialCheckpoint
        {
            Trainable = [.. _parameters.Where(tensor => _trainable.Contains(tensor.Name)).Select(Stored)],
            Frozen = [.. _parameters.Where(tensor => !_trainable.Contains(tensor.Name)).Select(Stored)],
        },
    };

    private static TensorProto Stored(TensorProto tensor) => TensorFactory.Raw(tensor.Name, tensor.ElementType(), tensor.Shape(), tensor.RawBytes());

    private static void Check(OnnxModel model, ArtifactOptions options)
    {
        if (model.GetOpsetVersion() > OfficialArtifacts.NewestOpset)
        {
            throw new ArtifactException(
                $"The model uses operator set {model.GetOpsetVersion()}, and the last official training runtime (1.19.2) knows those up to {OfficialArtifacts.NewestOpset}: export it with that one.");
        }

        foreach (var name in options.RequiresGrad.Concat(options.Frozen))
        {
            var tensor = model.Graph.FindInitializer(name)
                ?? throw new ArtifactException($"The model has no initializer '{name}' to train or to freeze: name one that it has.");
            if (tensor.ElementType() != TensorElementType.Float)
            {
                throw new ArtifactException($"Parameter '{name}' has the type {tensor.ElementType()}, and parameters of artifacts are float32: leave it out.");
            }
        }

        if (options.RequiresGrad.Intersect(options.Frozen).FirstOrDefault() is { } both)
        {
            throw new ArtifactException($"Parameter '{both}' is both trained and frozen: choose one.");
        }
    }

    private OnnxModel Training()
    {
        var trained = _parameters.Where(tensor => _trainable.Contains(tensor.Name)).Select(tensor => tensor.Name).ToArray();
        var built = new TrainingGraphBuilder(new GradientOptions { FusedKernels = false }).Build(_model, Table(), _loss, trained);
        var graph = built.Model.Graph;
        var described = graph.Input.ToDictionary(input => input.Name, StringComparer.Ordinal);
        graph.Input.Clear();
        foreach (var name in _userInputs)
        {
            graph.Input.Add(described.GetValueOrDefault(name) ?? ForwardGraph.Describe(name, _values[name].Type, _values[name].Shape));
        }

        AddParameterInputs(graph);
        graph.Output.Clear();
        graph.Output.Add(ForwardGraph.Describe(built.LossName, TensorElementType.Float, []));
        foreach (var parameter in built.Parameters)
        {
            graph.Input.Add(ForwardGraph.Describe($"{parameter.Name}_grad.accumulation.buffer", parameter.Type, parameter.Shape));
        }

        graph.Input.Add(ForwardGraph.Describe("lazy_reset_grad", TensorElementType.Bool, [1]));
        foreach (var (index, parameter) in built.Parameters.Index())
        {
            var flag = $"{parameter.Name}_grad.accumulation.out";
            graph.Node.Add(NodeFactory.Create(
                "InPlaceAccumulatorV2", [$"{parameter.Name}_grad.accumulation.buffer", parameter.GradientName, "lazy_reset_grad"], [flag],
                $"GradientAccumulator{index}", "com.microsoft"));
            graph.Output.Add(ForwardGraph.Describe(flag, TensorElementType.Bool, [1]));
        }

        // The official runtime carries nothing but parameters from step to step: running statistics stay as they are.
        foreach (var state in built.States.Where(state => graph.Input.All(input => input.Name != state.InputName)))
        {
            graph.SetInitializer(_model.Graph.FindInitializer(state.InputName)!);
        }

        graph.RemoveUnused();
        return Finished(built.Model);
    }

    private OnnxModel Evaluation()
    {
        var model = new TrainingGraphBuilder().BuildEvaluation(_model, _values, _loss, [.. _parameters.Select(tensor => tensor.Name)]);
        var graph = model.Graph;
        InferenceMode.Apply(model);
        var described = graph.Input.ToDictionary(input => input.Name, StringComparer.Ordinal);
        graph.Input.Clear();
        graph.Input.AddRange(_userInputs.Select(name => described[name]));
        AddParameterInputs(graph);

        // The nodes behind the model's own outputs stay: an inference model is exported from this one by the names of outputs.
        var loss = graph.Output[0];
        graph.Output.Clear();
        graph.Output.Add(loss);
        return Finished(model);
    }

    private void AddParameterInputs(GraphProto graph)
    {
        var names = _parameters.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        graph.Initializer.RemoveWhere(tensor => names.Contains(tensor.Name));
        graph.Input.RemoveWhere(input => names.Contains(input.Name));
        graph.Input.AddRange(_parameters.Select(tensor => ForwardGraph.Describe(tensor.Name, tensor.ElementType(), tensor.Shape())));
    }

    // Frozen parameters come from the checkpoint, so nothing may be computed from the values they have now.
    private ValueTable Table()
    {
        foreach (var name in _options.Frozen)
        {
            _values.RemoveConstant(name);
        }

        return _values;
    }

    private static OnnxModel Finished(OnnxModel model)
    {
        model.Proto.IrVersion = Math.Min(model.Proto.IrVersion, NewestIrVersion);
        model.Proto.Graph.ValueInfo.Clear();
        OperatorSets.Complete(model.Proto, model.GetOpsetVersion());
        return model;
    }
}
