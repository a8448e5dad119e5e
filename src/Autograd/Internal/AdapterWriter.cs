using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Writes the nodes of low-rank adapters: y = x·W + ((x·Aᵀ)·scale)·Bᵀ, the scale where there are fewest elements.</summary>
internal sealed class AdapterWriter(GraphProto graph)
{
    private readonly NameAllocator _names = new(graph);
    private readonly List<string> _dropouts = [];
    private readonly List<NodeProto> _nodes = [];
    private string _scope = "";

    /// <summary>The names of the Dropout nodes written so far.</summary>
    public IReadOnlyList<string> Dropouts => _dropouts;

    /// <summary>The nodes for one product, which gives its output up to the sum that takes its place.</summary>
    public List<NodeProto> Write(AdapterSite site, LowRankAdapter adapter)
    {
        var product = site.Node;
        _nodes.Clear();
        _scope = product.Name.LastIndexOf('/') is > 0 and var end ? product.Name[..end] : NodeContext.NameOf(product);
        var x = product.Input[site.IsLeft ? 1 : 0];
        if (adapter.Dropout > 0)
        {
            x = Drop(x, adapter.Dropout);
        }

        if (product.OpType == "Gemm" && product.GetInt("transA", 0) != 0)
        {
            x = Transpose(x);
        }

        var inner = site.IsLeft ? Node("MatMul", "lora_A", adapter.A, x) : Node("MatMul", "lora_A", x, Transpose(adapter.A));
        var scale = adapter.Scale * (product.OpType == "Gemm" ? product.GetFloat("alpha", 1) : 1);
        if ((float)scale != 1)
        {
            inner = Node("Mul", "lora_scaling", inner, Constant(TensorFactory.Scalar("", (float)scale), "lora_scaling/value"));
        }

        var outer = site.IsLeft ? Node("MatMul", "lora_B", adapter.B, inner) : Node("MatMul", "lora_B", inner, Transpose(adapter.B));
        var output = product.Output[0];
        product.Output[0] = _names.Unique($"{_scope}/base_layer/output");
        var name = _names.Unique($"{_scope}/lora/Add");
        _nodes.Add(NodeFactory.Create("Add", [product.Output[0], outer], [output], name));
        return [.. _nodes];
    }

    private string Drop(string x, double ratio)
    {
        var dropped = Node(
            "Dropout", "lora_dropout", x, Constant(TensorFactory.Scalar("", (float)ratio), "lora_dropout/ratio"),
            Constant(TensorFactory.Raw("", TensorElementType.Bool, [], [1]), "lora_dropout/training_mode"));
        _dropouts.Add(_nodes[^1].Name);
        return dropped;
    }

    private string Transpose(string value)
    {
        var turned = Node("Transpose", "lora", value);
        _nodes[^1].SetInts("perm", 1, 0);
        return turned;
    }

    private string Node(string type, string part, params ReadOnlySpan<string> inputs)
    {
        var name = _names.Unique($"{_scope}/{part}/{type}");
        var output = _names.Unique($"{name}_output_0");
        _nodes.Add(NodeFactory.Create(type, inputs, [output], name));
        return output;
    }

    private string Constant(TensorProto tensor, string part)
    {
        tensor.Name = _names.Unique($"{_scope}/{part}");
        graph.Initializer.Add(tensor);
        return tensor.Name;
    }
}
