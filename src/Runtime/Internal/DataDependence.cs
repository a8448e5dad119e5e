using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Runtime.Internal;

/// <summary>
/// Tells which values of a graph are the same whatever the input data and the float parameters are: those computed only
/// from shapes, integer initializers and Constant nodes. Shape and Size look at the shape of their input alone, so they
/// end a dependence on data, unless that shape itself comes from data (the result of NonZero, say).
/// </summary>
internal sealed class DataDependence
{
    private static readonly HashSet<string> Random = new(StringComparer.Ordinal)
    {
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout",
    };

    /// <summary>Operators that look only at the shape of their first input.</summary>
    private static readonly HashSet<string> ShapeOnly = new(StringComparer.Ordinal) { "Shape", "Size", "EyeLike" };

    /// <summary>
    /// Operators whose result's shape comes from the values of some inputs, with these inputs; an empty list means all.
    /// </summary>
    private static readonly Dictionary<string, int[]> ShapeFromValues = new(StringComparer.Ordinal)
    {
        ["AffineGrid"] = [1],
        ["BlackmanWindow"] = [0],
        ["CenterCropPad"] = [1],
        ["Col2Im"] = [1, 2],
        ["Compress"] = [1],
        ["ConstantOfShape"] = [0],
        ["DFT"] = [1],
        ["Expand"] = [1],
        ["HammingWindow"] = [0],
        ["HannWindow"] = [0],
        ["If"] = [],
        ["Loop"] = [],
        ["MaxUnpool"] = [2],
        ["MelWeightMatrix"] = [],
        ["NonMaxSuppression"] = [],
        ["NonZero"] = [0],
        ["OneHot"] = [1],
        ["Pad"] = [1, 3],
        ["Range"] = [],
        ["ReduceL1"] = [1],
        ["ReduceL2"] = [1],
        ["ReduceLogSum"] = [1],
        ["ReduceLogSumExp"] = [1],
        ["ReduceMax"] = [1],
        ["ReduceMean"] = [1],
        ["ReduceMin"] = [1],
        ["ReduceProd"] = [1],
        ["ReduceSum"] = [1],
        ["ReduceSumSquare"] = [1],
        ["Reshape"] = [1],
        ["Resize"] = [1, 2, 3],
        ["STFT"] = [1, 3],
        ["Scan"] = [],
        ["Slice"] = [1, 2, 3, 4],
        ["Split"] = [1],
        ["SplitToSequence"] = [1],
        ["Squeeze"] = [1],
        ["StringSplit"] = [],
        ["Tile"] = [1],
        ["TopK"] = [1],
        ["Unique"] = [0],
        ["Unsqueeze"] = [1],
        ["Upsample"] = [1],
    };

    private readonly HashSet<string> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _shapes = new(StringComparer.Ordinal);

    public DataDependence(GraphProto graph)
    {
        var initializers = graph.Initializer.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        foreach (var input in graph.Input.Where(input => !initializers.ContainsKey(input.Name)))
        {
            _values.Add(input.Name);
        }

        // Float initializers are parameters, which training changes; integer and bool ones are indices, shapes and masks.
        foreach (var tensor in graph.Initializer.Where(tensor => !IsFixed(tensor.ElementType())))
        {
            _values.Add(tensor.Name);
        }

        foreach (var tensor in graph.SparseInitializer)
        {
            _values.Add(tensor.Values.Name);
        }

        var index = new GraphIndex(graph);
        foreach (var node in index.TopologicalOrder())
        {
            Visit(node, index.Inputs(node));
        }
    }

    /// <summary>Whether the value may change with the input data, the float parameters or chance.</summary>
    public bool DependsOnData(string value) => _values.Contains(value);

    /// <summary>Whether the shape of any value may change with the input data or the float parameters.</summary>
    public bool HasShapesFromData => _shapes.Count > 0;

    private static bool IsFixed(TensorElementType type) => type.IsInteger() || type == TensorElementType.Bool;

    private void Visit(NodeProto node, IReadOnlyList<string> inputs)
    {
        var first = node.Input.Count > 0 ? node.Input[0] : string.Empty;
        var shape = inputs.Any(_shapes.Contains) && !IsShapeOnly(node);
        if (node.Domain is "" or "ai.onnx" && ShapeFromValues.TryGetValue(node.OpType, out var positions))
        {
            shape |= positions.Length == 0
                ? inputs.Any(_values.Contains)
                : positions.Any(position => position < node.Input.Count && _values.Contains(node.Input[position]));
        }

        var value = IsShapeOnly(node)
            ? _shapes.Contains(first)
            : shape || Random.Contains(node.OpType) || inputs.Any(_values.Contains);
        foreach (var output in node.Output)
        {
            if (value)
            {
                _values.Add(output);
            }

            if (shape)
            {
                _shapes.Add(output);
            }
        }
    }

    private static bool IsShapeOnly(NodeProto node) => node.Domain is "" or "ai.onnx" && ShapeOnly.Contains(node.OpType);
}
