using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>A graph of one operator (or a few) whose gradients are to be checked. Real inputs are trainable unless said otherwise.</summary>
internal sealed class OperatorCase
{
    private readonly List<TensorProto> _fixed = [];

    public OperatorCase(string operatorName, long opset = 17, string domain = "")
    {
        Opset = opset;
        Node = new NodeProto { OpType = operatorName, Domain = domain, Name = $"the_{operatorName}" };
    }

    public NodeProto Node { get; }

    public long Opset { get; }

    public TensorElementType Type { get; private set; } = TensorElementType.Double;

    public List<(string Name, long[] Shape, double[] Values)> Parameters { get; } = [];

    public IReadOnlyList<TensorProto> Fixed => _fixed;

    public int Outputs { get; private set; } = 1;

    public int UnusedOutputs { get; private set; }

    /// <summary>The operator has no float64 kernel.</summary>
    public OperatorCase Single()
    {
        Type = TensorElementType.Float;
        return this;
    }

    /// <summary>Whether evaluation computes something else, so that differences are those of the training graph itself.</summary>
    public bool IsTraining { get; private set; }

    public OperatorCase InTraining()
    {
        IsTraining = true;
        return this;
    }

    public OperatorCase Real(params long[] shape) => RealBetween(-1.37, 1.63, shape);

    public OperatorCase RealBetween(double low, double high, params long[] shape) =>
        RealValues(Tensors.Spread(Tensors.Count(shape), low, high, Node.Input.Count + 3), shape);

    public OperatorCase RealValues(double[] values, params long[] shape)
    {
        var name = $"p{Node.Input.Count}";
        Parameters.Add((name, shape, values));
        Node.Input.Add(name);
        return this;
    }

    public OperatorCase FixedReal(double[] values, params long[] shape) => Constant(Type, values, shape);

    public OperatorCase Integers(params long[] values) => Constant(TensorElementType.Int64, Array.ConvertAll(values, value => (double)value), values.Length);

    public OperatorCase IntegerTensor(long[] values, params long[] shape) =>
        Constant(TensorElementType.Int64, Array.ConvertAll(values, value => (double)value), shape);

    public OperatorCase Booleans(bool[] values, params long[] shape) =>
        Constant(TensorElementType.Bool, Array.ConvertAll(values, value => value ? 1.0 : 0), shape);

    public OperatorCase Missing()
    {
        Node.Input.Add("");
        return this;
    }

    public OperatorCase Again(int index)
    {
        Node.Input.Add(Node.Input[index]);
        return this;
    }

    public OperatorCase With(Action<NodeProto> attributes)
    {
        attributes(Node);
        return this;
    }

    public OperatorCase WithOutputs(int count)
    {
        Outputs = count;
        return this;
    }

    public OperatorCase Numbers(TensorElementType type, double[] values, params long[] shape) => Constant(type, values, shape);

    /// <summary>Differences over a tenth of the usual distance, for functions with many pieces.</summary>
    public OperatorCase SmallSteps()
    {
        StepScale = 0.1;
        return this;
    }

    public double StepScale { get; private set; } = 1;

    /// <summary>Only some of the outputs.</summary>
    public OperatorCase WithSparseOutputs(params int[] indices)
    {
        Present = [.. indices];
        return WithOutputs(indices.Max() + 1);
    }

    /// <summary>The outputs that the node has, where it lacks some in between.</summary>
    public HashSet<int>? Present { get; private set; }

    /// <summary>Outputs that the operator must have but that the loss does not read.</summary>
    public OperatorCase WithUnusedOutputs(int count)
    {
        UnusedOutputs = count;
        return this;
    }

    private OperatorCase Constant(TensorElementType type, double[] values, params long[] shape)
    {
        var name = $"c{Node.Input.Count}";
        _fixed.Add(Tensors.Of(type, shape, values, name));
        Node.Input.Add(name);
        return this;
    }
}
