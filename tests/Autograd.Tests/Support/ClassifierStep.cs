using System.Numerics.Tensors;
using OrtZero.Kernels;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>A training graph with its parameters in memory of its own, run again and again on one batch.</summary>
internal sealed class ClassifierStep : IDisposable
{
    private readonly TrainingGraph _graph;
    private readonly OrtSession _session;
    private readonly Dictionary<string, OrtTensor> _inputs;
    private IReadOnlyList<OrtTensor> _results = [];

    public ClassifierStep(TrainingGraph graph, Dictionary<string, TensorProto> batch, Dictionary<string, TensorProto> stored)
    {
        _graph = graph;
        _session = Ort.Open(graph.Model);
        _inputs = _session.Inputs.ToDictionary(
            input => input.Name, input => OrtTensor.FromProto(batch.GetValueOrDefault(input.Name) ?? stored[input.Name]), StringComparer.Ordinal);
    }

    /// <summary>The loss, and the norm of every parameter's gradient.</summary>
    public (double Loss, double[] Norms) Run()
    {
        DisposeResults();
        _results = _session.Run(_inputs);
        return (Result(_graph.LossName)[0], [.. _graph.Parameters.Select(parameter => Norm(Result(parameter.GradientName)))]);
    }

    /// <summary>
    /// Weights of the size that keeps activations as large as they are (He et al. 2015), biases near 0, and scales near the running deviation
    /// by which the models divide.
    /// </summary>
    public void Randomize()
    {
        // One pool of numbers, whose length no weight's is a multiple of, serves all 144 million weights of the largest model.
        var random = new Random(11);
        var pool = new float[65521];
        for (var i = 0; i < pool.Length; i++)
        {
            // The sum of two uniform numbers between -1 and 1 has the variance 2/3.
            pool[i] = 1.2247f * ((2 * (random.NextSingle() + random.NextSingle())) - 2);
        }

        foreach (var parameter in _graph.Parameters)
        {
            var values = _inputs[parameter.Name].Span<float>();
            var fan = parameter.Shape.Length > 1 ? values.Length / parameter.Shape[0] : 0;
            var (mean, size) = fan > 0 ? (0, Math.Sqrt(2.0 / fan)) : IsScale(parameter.Name) ? (0.14, 0.02) : (0, 0.05);
            var offset = random.Next(pool.Length);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = (float)mean + ((float)size * pool[offset]);
                offset = offset + 1 == pool.Length ? 0 : offset + 1;
            }
        }
    }

    /// <summary>Takes the gradients of the last run times a rate from the parameters.</summary>
    public void Descend(double rate)
    {
        foreach (var parameter in _graph.Parameters)
        {
            var values = _inputs[parameter.Name].Span<float>();
            TensorPrimitives.MultiplyAdd(Result(parameter.GradientName), -(float)rate, values, values);
        }
    }

    public void Dispose()
    {
        DisposeResults();
        _session.Dispose();
        foreach (var tensor in _inputs.Values)
        {
            tensor.Dispose();
        }
    }

    private bool IsScale(string name) => _graph.Model.Graph.Node.Any(node => node.OpType == "BatchNormalization" && node.Input[1] == name)
        || _graph.Model.Graph.Node.Any(node => node.OpType == "Unsqueeze" && node.Input[0] == name
            && _graph.Model.Graph.Node.Any(user => user.OpType == "Mul" && user.Input.Contains(node.Output[0])));

    private Span<float> Result(string name)
    {
        for (var i = 0; i < _results.Count; i++)
        {
            if (_session.Outputs[i].Name == name)
            {
                return _results[i].Span<float>();
            }
        }

        throw new KeyNotFoundException(name);
    }

    private static double Norm(ReadOnlySpan<float> values) => Math.Sqrt(VectorMath.SumOfSquares(values));

    private void DisposeResults()
    {
        foreach (var result in _results)
        {
            result.Dispose();
        }

        _results = [];
    }
}
