using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.KernelBenchmark;

/// <summary>
/// A graph of one fused operator, run on one thread over bound memory: what the training graph does, the few microseconds of
/// a run included.
/// </summary>
internal sealed class FusedNode : IDisposable
{
    private readonly OrtEnvironment _environment = new(OrtLibrary.Load());
    private readonly OrtSession _session;
    private readonly OrtBinding _binding;
    private readonly List<OrtTensor> _tensors = [];

    /// <summary>Opens the graph.</summary>
    /// <param name="type">The operator.</param>
    /// <param name="inputs">Its inputs in order; copied.</param>
    /// <param name="outputShapes">The shapes of its outputs in order, all float32.</param>
    /// <param name="setAttributes">Sets the node's attributes.</param>
    internal FusedNode(string type, IReadOnlyList<OrtTensor> inputs, IReadOnlyList<long[]> outputShapes, Action<NodeProto>? setAttributes = null)
    {
        var node = new NodeProto { Name = type, OpType = type, Domain = KernelLibrary.Domain };
        var graph = new GraphProto { Name = type };
        for (var index = 0; index < inputs.Count; index++)
        {
            node.Input.Add($"input{index}");
            graph.Input.Add(Describe($"input{index}", inputs[index].ElementType, inputs[index].Shape));
        }

        for (var index = 0; index < outputShapes.Count; index++)
        {
            node.Output.Add($"output{index}");
            graph.Output.Add(Describe($"output{index}", TensorElementType.Float, outputShapes[index]));
        }

        setAttributes?.Invoke(node);
        graph.Node.Add(node);
        var model = new ModelProto { IrVersion = 9, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = KernelLibrary.Domain, Version = 1 });
        using var domain = KernelLibrary.CreateDomain(_environment);
        using var options = new OrtSessionOptions(_environment) { IntraOpThreads = 1, InterOpThreads = 1 };
        options.AddCustomOperators(domain);
        _session = OrtSession.Open(_environment, new OnnxModel(model), options);
        _binding = _session.CreateBinding();
        for (var index = 0; index < inputs.Count; index++)
        {
            _tensors.Add(inputs[index]);
            _binding.Input($"input{index}", inputs[index]);
        }

        for (var index = 0; index < outputShapes.Count; index++)
        {
            var output = OrtTensor.Zeros(TensorElementType.Float, outputShapes[index]);
            _tensors.Add(output);
            _binding.Output($"output{index}", output);
        }
    }

    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
        _tensors.ForEach(tensor => tensor.Dispose());
        _environment.Dispose();
    }

    internal void Run() => _session.Run(_binding);

    private static ValueInfoProto Describe(string name, TensorElementType type, IReadOnlyList<long> shape)
    {
        var axes = new TensorShapeProto();
        axes.Dim.AddRange(shape.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = axes } } };
    }
}
