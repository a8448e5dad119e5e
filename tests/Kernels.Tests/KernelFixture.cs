using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Kernels.Tests;

/// <summary>Runs single operators of the library as graphs of one node.</summary>
public sealed class KernelFixture : IDisposable
{
    // Failures are provoked on purpose here, and come back as exceptions.
    public OrtEnvironment Environment { get; } = new(OrtLibrary.Load(), OrtLogLevel.Fatal);

    public void Dispose() => Environment.Dispose();

    /// <summary>Runs the operator with one and with two threads, demands the same bits, and returns the outputs.</summary>
    internal float[][] Run(string name, OrtTensor[] inputs, int outputs = 1, Action<NodeProto>? attributes = null)
    {
        var one = RunOnce(name, inputs, outputs, threads: 1, attributes);
        var two = RunOnce(name, inputs, outputs, threads: 2, attributes);
        for (var i = 0; i < outputs; i++)
        {
            Assert.Equal(Bits(one[i]), Bits(two[i]));
        }

        return one;
    }

    internal OrtSession Open(string name, OrtTensor[] inputs, int outputs, int threads, Action<NodeProto>? attributes = null)
    {
        using var domain = KernelLibrary.CreateDomain(Environment);
        using var options = new OrtSessionOptions(Environment) { IntraOpThreads = threads };
        options.SetConfig("session.intra_op.allow_spinning", "0");
        options.AddCustomOperators(domain);
        return OrtSession.Open(Environment, Model(name, inputs, outputs, attributes), options);
    }

    internal static Dictionary<string, OrtTensor> Named(OrtTensor[] inputs) =>
        inputs.Select((tensor, i) => (tensor, i)).ToDictionary(pair => $"in{pair.i}", pair => pair.tensor);

    internal static int[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToInt32Bits);

    private float[][] RunOnce(string name, OrtTensor[] inputs, int outputs, int threads, Action<NodeProto>? attributes)
    {
        using var session = Open(name, inputs, outputs, threads, attributes);
        var results = session.Run(Named(inputs));
        var values = results.Select(result => result.Span<float>().ToArray()).ToArray();
        foreach (var result in results)
        {
            result.Dispose();
        }

        return values;
    }

    private static OnnxModel Model(string name, OrtTensor[] inputs, int outputs, Action<NodeProto>? attributes)
    {
        var node = new NodeProto { OpType = name, Domain = KernelLibrary.Domain, Name = "the_node" };
        var model = new ModelProto { IrVersion = 9, Graph = new GraphProto { Name = "test" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = string.Empty, Version = 17 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = KernelLibrary.Domain, Version = 1 });
        for (var i = 0; i < inputs.Length; i++)
        {
            model.Graph.Input.Add(ValueInfos.Create($"in{i}", inputs[i].ElementType, [.. inputs[i].Shape]));
            node.Input.Add($"in{i}");
        }

        for (var i = 0; i < outputs; i++)
        {
            model.Graph.Output.Add(new ValueInfoProto { Name = $"out{i}" });
            node.Output.Add($"out{i}");
        }

        attributes?.Invoke(node);
        model.Graph.Node.Add(node);
        return new OnnxModel(model);
    }
}
