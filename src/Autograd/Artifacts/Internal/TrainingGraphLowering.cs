using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Turns an official training model into a training graph of operators that every build of ONNX Runtime has.</summary>
internal sealed class TrainingGraphLowering
{
    private const string BufferSuffix = "_grad.accumulation.buffer";

    /// <summary>Operators of com.microsoft that only training builds have, where their names do not tell.</summary>
    private static readonly HashSet<string> s_trainingOnly = new(StringComparer.Ordinal)
    {
        "AdamOptimizer", "ExternalGradient", "FlattenAndUnpad", "Group", "InPlaceAccumulator",
        "PadAndUnflatten", "PassThrough", "PythonOp", "Recv", "Send", "ShrunkenGather", "YieldOp", "ZeroGradient",
    };

    private readonly OnnxModel _model;
    private readonly OfficialCheckpoint _checkpoint;
    private readonly Dictionary<string, TensorProto> _trainable;
    private readonly Dictionary<string, string> _gradients = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Action<LoweringGraph, NodeProto>> _table = new(StringComparer.Ordinal);

    public TrainingGraphLowering(OnnxModel training, OfficialCheckpoint checkpoint)
    {
        _model = training.Clone();
        _checkpoint = checkpoint;
        _trainable = checkpoint.Trainable.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        ActivationLowerings.AddTo(_table);
        LossLowerings.AddTo(_table);
        NormalizationLowerings.AddTo(_table);
        MovementLowerings.AddTo(_table);
        PoolingLowerings.AddTo(_table);
        QuantizationLowerings.AddTo(_table);
        RecurrentLowerings.AddTo(_table);
        ResizeLowering.AddTo(_table);
        ScaleLowerings.AddTo(_table);
        ConvolutionLowerings.AddTo(_table, name => checkpoint.Trainable.Concat(checkpoint.Frozen).Concat(_model.Graph.Initializer)
            .FirstOrDefault(tensor => tensor.Name == name)?.Shape());
    }

    public TrainingGraph Run()
    {
        var graph = _model.Graph;
        var loss = graph.Output.Count > 0 ? graph.Output[0].Name : throw new ArtifactException($"{Where} has no outputs; write the artifacts again.");
        var flags = TakeAccumulators(graph);
        Lower(graph);
        var parameters = Parameters();
        graph.Input.RemoveWhere(input => _trainable.ContainsKey(input.Name) || input.Name.EndsWith(BufferSuffix, StringComparison.Ordinal)
            || input.Name == "lazy_reset_grad" || _checkpoint.Frozen.Any(tensor => tensor.Name == input.Name));
        var inputs = graph.Input.Select(input => input.Name).ToArray();
        foreach (var tensor in _checkpoint.Frozen)
        {
            graph.SetInitializer(tensor);
        }

        graph.Input.AddRange(parameters.Select(parameter => ForwardGraph.Describe(parameter.Name, parameter.Type, parameter.Shape)));
        graph.Output.Clear();
        graph.Output.Add(ForwardGraph.Describe(loss, TensorElementType.Float, []));
        graph.Output.AddRange(parameters.Select(parameter => ForwardGraph.Describe(parameter.GradientName, parameter.Type, parameter.Shape)));
        graph.ValueInfo.Clear();
        graph.RemoveUnused();
        var used = graph.Node.SelectMany(NodeInputs.Of).ToHashSet(StringComparer.Ordinal);
        return flags == 0
            ? throw new ArtifactException($"{Where} accumulates no gradients (com.microsoft.InPlaceAccumulatorV2); it is not an official training model.")
            : new TrainingGraph
            {
                Model = _model,
                ModelInputs = [.. inputs.Where(used.Contains)],
                LabelsInput = null,
                Parameters = parameters,
                LossName = loss,
            };
    }

    private string Where => _model.Path ?? "training_model.onnx";

    private int TakeAccumulators(GraphProto graph)
    {
        foreach (var node in graph.Node.Where(IsAccumulator))
        {
            var buffer = node.InputOrEmpty(0);
            if (!buffer.EndsWith(BufferSuffix, StringComparison.Ordinal))
            {
                throw new ArtifactException($"Node {node.Describe()} of {Where} accumulates into '{buffer}', which is not named <parameter>{BufferSuffix}; write the artifacts again.");
            }

            _gradients[buffer[..^BufferSuffix.Length]] = node.InputOrEmpty(1);
        }

        return graph.Node.RemoveWhere(IsAccumulator);

        static bool IsAccumulator(NodeProto node) => node is { OpType: "InPlaceAccumulatorV2", Domain: "com.microsoft" };
    }

    private void Lower(GraphProto graph)
    {
        // The official tool imports whole families of domains, some of them twice.
        var opset = _model.Proto.OpsetImport.Where(import => import.Domain is "" or "ai.onnx").Select(import => import.Version).DefaultIfEmpty(0).Max();
        if (opset < OperatorSets.Oldest)
        {
            throw new ArtifactException($"{Where} uses operator set {opset}, and {OperatorSets.Oldest} or later is needed: export the model with a newer one.");
        }

        var lowering = new LoweringGraph(graph, opset);
        foreach (var node in new GraphIndex(graph).TopologicalOrder())
        {
            if (!IsTraining(node))
            {
                lowering.Nodes.Add(node);
                continue;
            }

            if (!_table.TryGetValue(node.OpType, out var lower))
            {
                throw new ArtifactException(
                    $"Node {node.Describe()} of {Where} is a training operator without a lowering to standard operators; train the forward model instead (model.path).");
            }

            lowering.Enter(node);
            lower(lowering, node);
        }

        graph.Node.Clear();
        graph.Node.AddRange(lowering.Nodes);
        var used = graph.Node.Select(node => node.Domain).ToHashSet(StringComparer.Ordinal);
        var imports = _model.Proto.OpsetImport.Where(import => import.Domain is not ("" or "ai.onnx") && used.Contains(import.Domain)).DistinctBy(import => import.Domain).ToList();
        _model.Proto.OpsetImport.Clear();
        _model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = lowering.Opset });
        _model.Proto.OpsetImport.AddRange(imports);
    }

    // MaxPoolGrad and AveragePoolGrad are of ONNX's own domain.
    private bool IsTraining(NodeProto node) => node.Domain switch
    {
        "com.microsoft" => _table.ContainsKey(node.OpType) || s_trainingOnly.Contains(node.OpType)
            || node.OpType.EndsWith("Grad", StringComparison.Ordinal) || node.OpType.Contains("Grad_", StringComparison.Ordinal)
            || node.OpType.EndsWith("Training", StringComparison.Ordinal) || node.OpType.EndsWith("Internal", StringComparison.Ordinal),
        "" or "ai.onnx" => node.OpType is "MaxPoolGrad" or "AveragePoolGrad",
        _ => false,
    };

    private TrainableParameter[] Parameters()
    {
        if (_checkpoint.IsNominal)
        {
            throw new ArtifactException("The checkpoint is nominal, so it has no values to train from: use the full checkpoint.");
        }

        var frozen = _checkpoint.Frozen.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in _gradients.Keys.Where(name => !_trainable.ContainsKey(name) && !frozen.Contains(name)))
        {
            throw new ArtifactException($"{Where} trains parameter '{name}', which the checkpoint does not have: use files of one run of the tool.");
        }

        return [.. _checkpoint.Trainable.Select(tensor => _gradients.TryGetValue(tensor.Name, out var gradient)
            ? new TrainableParameter(tensor.Name, tensor.ElementType(), tensor.Shape(), gradient)
            : throw new ArtifactException($"The checkpoint trains parameter '{tensor.Name}', for which {Where} has no gradient: use files of one run of the tool."))];
    }
}
