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
    private readonly OfficialNames _names;
    private readonly HashSet<string> _trainable;
    private readonly List<TensorProto> _parameters;
    private readonly string[] _userInputs;

    public ArtifactBuilder(OnnxModel model, ValueTable values, ArtifactOptions options)
    {
        _options = options;
        _trainable = [.. options.RequiresGrad];
        Check(model, options);
        _parameters = [.. model.Graph.Initializer.Where(tensor => _trainable.Contains(tensor.Name) || options.Frozen.Contains(tensor.Name))];
        _loss = WithLabels(options.Loss);
        _names = OfficialNames.After(_loss);
        _model = WithOutputs(model, values, options);

        // Frozen parameters come from the checkpoint, so nothing may be computed from the values they have now.
        _values = new ValueTable(values);
        foreach (var name in options.Frozen)
        {
            _values.Add(values[name]);
        }

        var initializers = model.Graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        _userInputs =
        [
            .. model.Graph.Input.Select(input => input.Name).Where(name => !initializers.Contains(name))
                .Concat(LossCheck.Terms(_loss).Select(term => term.Labels).OfType<string>()).Distinct(),
        ];
    }

    public OfficialArtifacts Build() => new()
    {
        Training = Training(),
        Evaluation = Evaluation(),
        Optimizer = _options.Optimizer is { } optimizer ? OptimizerModel.Build(optimizer, _model.GetOpsetVersion(), _names) : null,
        Checkpoint = new OfficialCheckpoint
        {
            Trainable = [.. _parameters.Where(tensor => _trainable.Contains(tensor.Name)).Select(Stored)],
            Frozen = [.. _parameters.Where(tensor => !_trainable.Contains(tensor.Name)).Select(Stored)],
        },
    };

    private static LossOptions WithLabels(LossOptions loss) => loss with
    {
        Labels = loss.Type switch
        {
            LossType.ModelOutput => null,
            LossType.CrossEntropy => loss.Labels ?? "labels",
            _ => loss.Labels ?? "target",
        },
        Others = [.. loss.Others.Select(WithLabels)],
    };

    // Like the official tool, it gives any value whose shape is known.
    private static OnnxModel WithOutputs(OnnxModel model, ValueTable values, ArtifactOptions options)
    {
        var inside = options.AdditionalOutputs.Where(name => model.Graph.Output.All(output => output.Name != name)).ToList();
        if (inside.Count == 0)
        {
            return model;
        }

        var copy = model.Clone();
        foreach (var name in inside)
        {
            var isComputed = model.Graph.Node.Any(node => node.Output.Contains(name));
            copy.Graph.Output.Add(isComputed && values.TryGet(name, out var value)
                ? ForwardGraph.Describe(name, value.Type, [.. value.Shape.Select(_ => -1L)])
                : throw new ArtifactException(
                    $"The model computes no value '{name}' to give beside the loss: name one of its outputs, '{string.Join("', '", model.Graph.Output.Select(output => output.Name))}', or of its nodes'."));
        }

        return copy;
    }

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

        if (options.AdditionalOutputs.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new ArtifactException($"Output '{twice.Key}' is to be given twice beside the loss: name it once.");
        }

        if (LossCheck.Terms(options.Loss).Any(term => term.IsSum))
        {
            throw new ArtifactException("The loss is a sum to be divided later (normalize \"global\"), and the official runtime divides by nothing: average it over its micro-batch.");
        }
    }

    private OnnxModel Training()
    {
        var trained = _parameters.Where(tensor => _trainable.Contains(tensor.Name)).Select(tensor => tensor.Name).ToArray();
        var built = new TrainingGraphBuilder(new GradientOptions { FusedKernels = false, KeptOutputs = _options.AdditionalOutputs })
            .Build(_model, _values, _loss, trained);
        var graph = built.Model.Graph;
        var described = graph.Input.ToDictionary(input => input.Name, StringComparer.Ordinal);
        var additional = graph.Output.Where(output => _options.AdditionalOutputs.Contains(output.Name)).ToList();
        graph.Input.Clear();
        foreach (var name in _userInputs)
        {
            graph.Input.Add(described.GetValueOrDefault(name) ?? ForwardGraph.Describe(name, _values[name].Type, _values[name].Shape));
        }

        AddParameterInputs(graph);
        graph.Output.Clear();
        graph.Output.Add(ForwardGraph.Describe(built.LossName, TensorElementType.Float, []));
        graph.Output.AddRange(additional);
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
                $"GradientAccumulator{1 + additional.Count + index}", "com.microsoft"));
            graph.Output.Add(ForwardGraph.Describe(flag, TensorElementType.Bool, [1]));
        }

        // The official runtime carries nothing but parameters from step to step: running statistics stay as they are.
        foreach (var state in built.States.Where(state => graph.Input.All(input => input.Name != state.InputName)))
        {
            graph.SetInitializer(_model.Graph.FindInitializer(state.InputName)!);
        }

        NameLoss(graph);
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
        var outputs = graph.Output.ToList();
        graph.Output.Clear();
        graph.Output.Add(outputs[0]);
        graph.Output.AddRange(_options.AdditionalOutputs.Select(name => outputs.First(output => output.Name == name)));
        NameLoss(graph);
        return Finished(model);
    }

    // A model's own loss keeps its name, unless it has axes, which the loss must not have.
    private void NameLoss(GraphProto graph)
    {
        var loss = graph.Output[0];
        if (_names.Loss is { } name)
        {
            graph.RenameValue(loss.Name, name);
        }
        else if (graph.Node.First(node => node.Output.Contains(loss.Name)) is { OpType: "Identity" } copy && copy.Input[0] == _loss.Output)
        {
            graph.Node.Remove(copy);
            loss.Name = _loss.Output;
        }
    }

    private void AddParameterInputs(GraphProto graph)
    {
        var names = _parameters.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        graph.Initializer.RemoveWhere(tensor => names.Contains(tensor.Name));
        graph.Input.RemoveWhere(input => names.Contains(input.Name));
        graph.Input.AddRange(_parameters.Select(tensor => ForwardGraph.Describe(tensor.Name, tensor.ElementType(), tensor.Shape())));
    }

    private static OnnxModel Finished(OnnxModel model)
    {
        model.Proto.IrVersion = Math.Min(model.Proto.IrVersion, NewestIrVersion);
        model.Proto.Graph.ValueInfo.Clear();
        OperatorSets.Complete(model.Proto, model.GetOpsetVersion());
        return model;
    }
}
