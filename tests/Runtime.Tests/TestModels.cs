using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Runtime.Tests;

/// <summary>Models of a few nodes, and inputs for the fixtures.</summary>
internal static class TestModels
{
    public const string Domain = "test";

    /// <summary>A model of these nodes with float inputs and outputs of unknown shape.</summary>
    public static OnnxModel Of(string[] inputs, string[] outputs, params NodeProto[] nodes)
    {
        var model = new ModelProto { IrVersion = 9, Graph = new GraphProto { Name = "test" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = string.Empty, Version = 17 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Domain, Version = 1 });
        model.Graph.Input.AddRange(inputs.Select(name => Value(name, "n")));
        model.Graph.Output.AddRange(outputs.Select(name => new ValueInfoProto { Name = name }));
        model.Graph.Node.AddRange(nodes);
        return new OnnxModel(model);
    }

    /// <summary>y = x + x.</summary>
    public static OnnxModel Doubling() => Of(["x"], ["y"], Node("Add", ["x", "x"], ["y"]));

    public static NodeProto Node(string type, string[] inputs, string[] outputs, string domain = "")
    {
        var node = new NodeProto { OpType = type, Domain = domain, Name = $"the_{type}_node_{outputs[0]}" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        return node;
    }

    public static NodeProto Custom(string type, string[] inputs, string[] outputs) => Node(type, inputs, outputs, Domain);

    public static ValueInfoProto Value(string name, params string[] axes)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(axes.Select(axis => long.TryParse(axis, out var length)
            ? new TensorShapeProto.Types.Dimension { DimValue = length }
            : new TensorShapeProto.Types.Dimension { DimParam = axis }));
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float, Shape = shape } },
        };
    }

    /// <summary>A micro-batch of the fixture's own samples, repeated as needed.</summary>
    public static Dictionary<string, OrtTensor> VlmInputs(int batch)
    {
        var images = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "image.npy"));
        var ids = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "input_ids.npy"));
        var pixels = 28 * 28;
        var length = ids.Shape[^1];
        return new()
        {
            ["image"] = OrtTensor.FromSingles(images.Singles.AsSpan(0, batch * pixels), batch, 1, 28, 28),
            ["input_ids"] = OrtTensor.FromInt64s(ids.Integers.AsSpan(0, batch * length), batch, length),
        };
    }
}
