using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>One environment for all tests, and sessions as the training loop opens them.</summary>
internal static class Ort
{
    public static OrtEnvironment Environment { get; } = new(OrtLibrary.Load(RepositoryPaths.OrtLibrary), OrtLogLevel.Error);

    public static CustomOperatorDomain Kernels { get; } = KernelLibrary.CreateDomain(Environment);

    public static OrtSession Open(OnnxModel model, GraphOptimizationLevel level = GraphOptimizationLevel.All)
    {
        using var options = new OrtSessionOptions(Environment);
        options.IntraOpThreads = 1;
        options.GraphOptimizationLevel = level;
        options.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        options.AddCustomOperators(Kernels);
        return OrtSession.Open(Environment, model, options);
    }

    public static ValueTable Probe(OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs)
    {
        var tensors = inputs.ToDictionary(pair => pair.Key, pair => OrtTensor.FromProto(pair.Value), StringComparer.Ordinal);
        try
        {
            using var options = new OrtSessionOptions(Environment) { GraphOptimizationLevel = GraphOptimizationLevel.None };
            options.AddCustomOperators(Kernels);
            return ModelProbe.Describe(Environment, model, tensors, options);
        }
        finally
        {
            DisposeAll(tensors.Values);
        }
    }

    /// <summary>Runs a session and widens every output to float64.</summary>
    public static Dictionary<string, double[]> Run(OrtSession session, IReadOnlyDictionary<string, TensorProto> inputs)
    {
        var wanted = session.Inputs.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        var tensors = inputs.Where(pair => wanted.Contains(pair.Key))
            .ToDictionary(pair => pair.Key, pair => OrtTensor.FromProto(pair.Value), StringComparer.Ordinal);
        try
        {
            var outputs = session.Run(tensors);
            var results = session.Outputs.Zip(outputs).ToDictionary(pair => pair.First.Name, pair => Widen(pair.Second), StringComparer.Ordinal);
            DisposeAll(outputs);
            return results;
        }
        finally
        {
            DisposeAll(tensors.Values);
        }
    }

    private static double[] Widen(OrtTensor tensor) => tensor.ElementType switch
    {
        TensorElementType.Double => tensor.Span<double>().ToArray(),
        TensorElementType.Float => Array.ConvertAll(tensor.Span<float>().ToArray(), value => (double)value),
        TensorElementType.Int32 => Array.ConvertAll(tensor.Span<int>().ToArray(), value => (double)value),
        TensorElementType.Int64 => Array.ConvertAll(tensor.Span<long>().ToArray(), value => (double)value),
        TensorElementType.Bool => Array.ConvertAll(tensor.Span<bool>().ToArray(), value => value ? 1.0 : 0.0),
        _ => throw new NotSupportedException($"The test does not read {tensor.ElementType}."),
    };

    private static void DisposeAll(IEnumerable<OrtTensor> tensors)
    {
        foreach (var tensor in tensors)
        {
            tensor.Dispose();
        }
    }
}
