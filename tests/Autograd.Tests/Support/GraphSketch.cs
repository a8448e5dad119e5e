using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Writes a small graph line by line.</summary>
/// <param name="opset">The version of the default operator set.</param>
/// <param name="real">The type of real numbers.</param>
internal sealed class GraphSketch(long opset = 17, TensorElementType real = TensorElementType.Float)
{
    private readonly GraphProto _graph = new() { Name = "sketch" };

    public GraphSketch Parameter(string name, long[] shape, params double[] values)
    {
        _graph.Initializer.Add(Tensors.Of(real, shape, values, name));
        return this;
    }

    public GraphSketch Constant(string name, long[] shape, params double[] values) => Parameter(name, shape, values);

    public GraphSketch Raw(string name, TensorElementType type, long[] shape, byte[] data)
    {
        _graph.Initializer.Add(TensorFactory.Raw(name, type, shape, data));
        return this;
    }

    public GraphSketch Integers(string name, params long[] values)
    {
        _graph.Initializer.Add(TensorFactory.FromInt64s(name, [values.Length], values));
        return this;
    }

    public GraphSketch Node(string operatorName, string inputs, string output, Action<NodeProto>? attributes = null)
    {
        var node = new NodeProto { OpType = operatorName, Name = $"{operatorName}_{output}", Input = { inputs.Split(' ') }, Output = { output.Split(' ') } };
        attributes?.Invoke(node);
        _graph.Node.Add(node);
        return this;
    }

    public GraphSketch Input(string name, params long[] shape)
    {
        _graph.Input.Add(ValueInfos.Create(name, real, shape.AsSpan()));
        return this;
    }

    /// <summary>An If node; the branches are sketches of their own, ended by <see cref="Branch"/>.</summary>
    public GraphSketch If(string condition, string outputs, GraphProto then, GraphProto otherwise)
    {
        var node = new NodeProto { OpType = "If", Name = $"if_{outputs}", Input = { condition }, Output = { outputs.Split(' ') } };
        foreach (var (name, branch) in Subgraphs.BranchNames.Zip([then, otherwise]))
        {
            node.Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = branch });
        }

        _graph.Node.Add(node);
        return this;
    }

    /// <summary>Ends a branch with its outputs.</summary>
    public GraphProto Branch(params string[] outputs)
    {
        _graph.Output.AddRange(outputs.Select(output => new ValueInfoProto
        {
            Name = output,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)real } },
        }));
        return _graph;
    }

    /// <summary>Ends with the sum of a value, as the model's output "sum".</summary>
    public OnnxModel Loss(string value)
    {
        var reduce = new NodeProto { OpType = "ReduceSum", Name = "sum_all", Input = { value }, Output = { "sum" } };
        _graph.Node.Add(reduce.SetInt("keepdims", 0));
        return Output("sum", []);
    }

    public OnnxModel Output(string name, params long[] shape)
    {
        var dimensions = new TensorShapeProto();
        dimensions.Dim.AddRange(shape.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        _graph.Output.Add(new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)real, Shape = dimensions } },
        });
        var model = new ModelProto { IrVersion = 8, Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = opset });
        return OnnxModel.Parse(model.ToByteArray());
    }
}
