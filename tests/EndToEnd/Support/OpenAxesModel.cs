using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.EndToEnd.Support;

/// <summary>
/// A small causal language model whose batch and length are open, as exporters write one: positions come from the length of the input,
/// by operators that compute shapes. What follows a token does not change its scores.
/// </summary>
internal static class OpenAxesModel
{
    public const int Classes = 11;
    private const int Width = 8;
    private const int Longest = 32;

    public static void Save(string path)
    {
        var graph = new GraphProto { Name = "causal" };
        var random = new Random(4);
        Parameter("embedding", Classes, Width);
        Parameter("positions", Longest, Width);
        Parameter("convolution.weight", Width, Width, 3);
        Parameter("convolution.bias", Width);
        Parameter("head.weight", Width, Classes);
        graph.Initializer.Add(TensorFactory.Vector("zero", 0));
        graph.Initializer.Add(TensorFactory.Vector("one", 1));
        Node("Gather", ["embedding", "ids"], "tokens");
        Node("Shape", ["ids"], "shape");
        Node("Gather", ["shape", "one"], "length").SetInt("axis", 0);
        Node("Slice", ["positions", "zero", "length", "zero"], "places");
        Node("Add", ["tokens", "places"], "sum");
        Node("Transpose", ["sum"], "channels").SetInts("perm", 0, 2, 1);
        Node("Conv", ["channels", "convolution.weight", "convolution.bias"], "mixed").SetInts("pads", 2, 0);
        Node("Transpose", ["mixed"], "back").SetInts("perm", 0, 2, 1);
        Node("Tanh", ["back"], "active");
        Node("MatMul", ["active", "head.weight"], "logits");
        graph.Input.Add(Describe("ids", TensorElementType.Int64));
        graph.Output.Add(Describe("logits", TensorElementType.Float, Classes));
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        new OnnxModel(model).Save(path);

        void Parameter(string name, params long[] shape)
        {
            var values = new float[shape.Aggregate(1L, (product, length) => product * length)];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = (float)(random.NextDouble() - 0.5);
            }

            graph.Initializer.Add(TensorFactory.FromSingles(name, shape, values));
        }

        NodeProto Node(string type, string[] inputs, string output)
        {
            var node = NodeFactory.Create(type, inputs, [output], output);
            graph.Node.Add(node);
            return node;
        }
    }

    private static ValueInfoProto Describe(string name, TensorElementType type, params long[] last)
    {
        var shape = new TensorShapeProto();
        shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = "batch" });
        shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = "length" });
        shape.Dim.AddRange(last.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }
}
