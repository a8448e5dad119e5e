using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Internal;

/// <summary>A model in one precision: its loss as a function, and the gradients that its training graph gives.</summary>
internal sealed class CheckedModel : IDisposable
{
    private CheckedModel(ForwardFunction function, double trainingLoss, Dictionary<string, double[]> gradients, Dictionary<string, long[]> shapes, HashSet<string> unreached)
    {
        Function = function;
        TrainingLoss = trainingLoss;
        Gradients = gradients;
        Shapes = shapes;
        Unreached = unreached;
    }

    public ForwardFunction Function { get; }

    public double TrainingLoss { get; }

    /// <summary>By parameter; zeros where none leads there.</summary>
    public Dictionary<string, double[]> Gradients { get; }

    public Dictionary<string, long[]> Shapes { get; }

    /// <summary>Parameters without a gradient.</summary>
    public HashSet<string> Unreached { get; }

    public static CheckedModel Prepare(
        OrtEnvironment environment, CustomOperatorDomain kernels, OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs,
        IReadOnlyList<string> parameters, GradientCheckOptions options, GradientOptions gradients)
    {
        // Fusions of higher levels write operators that have no float64 kernels.
        using var settings = new OrtSessionOptions(environment)
        {
            GraphOptimizationLevel = gradients.FusedKernels ? GraphOptimizationLevel.All : GraphOptimizationLevel.Basic,
        };
        settings.DisableOptimizers([.. TrainingGraph.DisabledOptimizers]);
        settings.AddCustomOperators(kernels);
        var values = Probe(environment, kernels, model, inputs);
        if (!WeightedLoss.Attach(model, values, options.Seed))
        {
            throw new GradientException("The model has no output of real numbers, so there is nothing to differentiate: choose a model that has one.");
        }

        var tensors = model.Graph.Initializer.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var shapes = parameters.ToDictionary(name => name, name => values[name].Shape, StringComparer.Ordinal);
        var (graph, unreached) = Build(model, values, parameters, gradients);
        var loss = double.NaN;
        var found = unreached.ToDictionary(name => name, name => new double[Internal.Shapes.Count(shapes[name])], StringComparer.Ordinal);
        if (graph is not null)
        {
            using var session = OrtSession.Open(environment, graph.Model, settings);
            foreach (var (name, values64) in RunOnce(session, inputs, tensors))
            {
                if (name == graph.LossName)
                {
                    loss = values64[0];
                }
                else if (graph.Parameters.FirstOrDefault(parameter => parameter.GradientName == name) is { } parameter)
                {
                    found[parameter.Name] = values64;
                }
            }
        }

        var function = new ForwardFunction(environment, settings, model, inputs, parameters);
        return new CheckedModel(function, graph is null ? function.Evaluate().Loss : loss, found, shapes, unreached);
    }

    public void Dispose() => Function.Dispose();

    private static ValueTable Probe(
        OrtEnvironment environment, CustomOperatorDomain kernels, OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs)
    {
        using var plain = new OrtSessionOptions(environment) { GraphOptimizationLevel = GraphOptimizationLevel.None };
        plain.AddCustomOperators(kernels);
        var tensors = inputs.ToDictionary(pair => pair.Key, pair => OrtTensor.FromProto(pair.Value), StringComparer.Ordinal);
        try
        {
            return ModelProbe.Describe(environment, model, tensors, plain);
        }
        finally
        {
            DisposeAll(tensors.Values);
        }
    }

    private static (TrainingGraph? Graph, HashSet<string> Unreached) Build(
        OnnxModel model, ValueTable values, IReadOnlyList<string> parameters, GradientOptions gradients)
    {
        var unreached = new HashSet<string>(StringComparer.Ordinal);
        var loss = new LossOptions { Type = LossType.ModelOutput, Output = WeightedLoss.Output };
        while (unreached.Count < parameters.Count)
        {
            try
            {
                return (new TrainingGraphBuilder(gradients).Build(model, values, loss, [.. parameters.Where(name => !unreached.Contains(name))]), unreached);
            }
            catch (UnreachableParameterException exception)
            {
                // Such a parameter may have no influence, which finite differences tell.
                unreached.UnionWith(exception.Parameters);
            }
        }

        return (null, unreached);
    }

    private static List<(string Name, double[] Values)> RunOnce(
        OrtSession session, IReadOnlyDictionary<string, TensorProto> inputs, Dictionary<string, TensorProto> tensors)
    {
        var fed = session.Inputs.ToDictionary(
            input => input.Name, input => OrtTensor.FromProto(inputs.TryGetValue(input.Name, out var tensor) ? tensor : tensors[input.Name]), StringComparer.Ordinal);
        var results = session.Run(fed);
        try
        {
            return [.. session.Outputs.Zip(results, (output, tensor) => (output.Name, Widen(tensor)))];
        }
        finally
        {
            DisposeAll(results);
            DisposeAll(fed.Values);
        }
    }

    private static double[] Widen(OrtTensor tensor) => tensor.ElementType switch
    {
        TensorElementType.Double => tensor.Span<double>().ToArray(),
        TensorElementType.Float => Array.ConvertAll(tensor.Span<float>().ToArray(), value => (double)value),
        TensorElementType.Float16 => Array.ConvertAll(tensor.Span<ushort>().ToArray(), bits => (double)BitConverter.UInt16BitsToHalf(bits)),
        TensorElementType.BFloat16 => Array.ConvertAll(tensor.Span<ushort>().ToArray(), bits => (double)BitConverter.Int32BitsToSingle(bits << 16)),
        var type => throw new GradientException($"Gradients of {type} parameters cannot be compared: they have a meaning in float64, float32, float16 and bfloat16 only."),
    };

    private static void DisposeAll(IEnumerable<OrtTensor> tensors)
    {
        foreach (var tensor in tensors)
        {
            tensor.Dispose();
        }
    }
}
