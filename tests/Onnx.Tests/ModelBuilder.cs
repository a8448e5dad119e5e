using Google.Protobuf.Collections;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests;

/// <summary>Small models for tests.</summary>
internal static class ModelBuilder
{
    public static OnnxModel Create(params NodeProto[] nodes)
    {
        var model = new OnnxModel(new ModelProto { IrVersion = 8, ProducerName = "pytorch", Graph = new GraphProto { Name = "main" } });
        model.SetOpsetVersion("", 17);
        model.Graph.Node.AddRange(nodes);
        return model;
    }

    public static OnnxModel WithInput(this OnnxModel model, string name, params Dimension[] dimensions)
    {
        model.Graph.Input.Add(ValueInfos.Create(name, TensorElementType.Float, dimensions));
        return model;
    }

    public static OnnxModel WithOutput(this OnnxModel model, string name, params Dimension[] dimensions)
    {
        model.Graph.Output.Add(ValueInfos.Create(name, TensorElementType.Float, dimensions));
        return model;
    }

    public static OnnxModel With(this OnnxModel model, params TensorProto[] initializers)
    {
        model.Graph.Initializer.AddRange(initializers);
        return model;
    }

    /// <summary>A float32 initializer of random values that differ from one seed to the next.</summary>
    public static TensorProto Random(string name, int seed, params long[] shape)
    {
        var random = new Random(seed);
        var values = new float[shape.Aggregate(1L, (count, length) => count * length)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)((random.NextDouble() * 4) - 2);
        }

        return TensorFactory.FromSingles(name, shape, values);
    }

    /// <summary>A float32 initializer with one value everywhere.</summary>
    public static TensorProto Filled(string name, float value, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (count, length) => count * length)];
        Array.Fill(values, value);
        return TensorFactory.FromSingles(name, shape, values);
    }

    public static NodeProto Node(string op, string[] inputs, string output, string? name = null) =>
        NodeFactory.Create(op, inputs, [output], name);

    public static string[] Names(this RepeatedField<TensorProto> tensors) => [.. tensors.Select(tensor => tensor.Name)];
}
