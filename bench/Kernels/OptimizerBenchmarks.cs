using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using OrtZero.Kernels;

namespace OrtZero.KernelBenchmark;

/// <summary>AdamW and the sum of squares against the same arithmetic through System.Numerics.Tensors and in a plain loop.</summary>
[InProcess]
[MemoryDiagnoser]
public class OptimizerBenchmarks
{
    private static readonly AdamWParameters s_parameters = new()
    {
        LearningRate = 1e-3,
        Beta1 = 0.9,
        Beta2 = 0.95,
        Epsilon = 1e-8,
        WeightDecay = 0.05,
        BiasCorrection1 = 0.1,
        BiasCorrection2 = 0.05,
        GradientScale = 0.5f,
    };

    private float[] _weights = [];
    private float[] _gradients = [];
    private float[] _first = [];
    private float[] _second = [];
    private float[] _scratch = [];

    /// <summary>Elements: a small layer that stays in the cache, and one that does not.</summary>
    [Params(1 << 14, 1 << 22)]
    public int Elements { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _weights = Samples.Floats(Elements, 1);
        _gradients = Samples.Floats(Elements, 2);
        _first = new float[Elements];
        _second = new float[Elements];
        _scratch = new float[Elements];
    }

    [Benchmark]
    public void AdamWKernelUpdate() => AdamWKernel.Update(_weights, _gradients, _first, _second, s_parameters);

    [Benchmark]
    public void AdamWTensorPrimitives()
    {
        var p = s_parameters;
        TensorPrimitives.Multiply(_gradients, p.GradientScale, _scratch);
        TensorPrimitives.Multiply(_first, (float)p.Beta1, _first);
        TensorPrimitives.MultiplyAdd(_scratch, 1 - (float)p.Beta1, _first, _first);
        TensorPrimitives.Multiply(_scratch, _scratch, _scratch);
        TensorPrimitives.Multiply(_second, (float)p.Beta2, _second);
        TensorPrimitives.MultiplyAdd(_scratch, 1 - (float)p.Beta2, _second, _second);
        TensorPrimitives.Sqrt(_second, _scratch);
        TensorPrimitives.Divide(_scratch, MathF.Sqrt((float)p.BiasCorrection2), _scratch);
        TensorPrimitives.Add(_scratch, (float)p.Epsilon, _scratch);
        TensorPrimitives.Divide(_first, _scratch, _scratch);
        TensorPrimitives.Multiply(_weights, (float)(1 - (p.LearningRate * p.WeightDecay)), _weights);
        TensorPrimitives.MultiplyAdd(_scratch, -(float)(p.LearningRate / p.BiasCorrection1), _weights, _weights);
    }

    [Benchmark(Baseline = true)]
    public void AdamWScalar()
    {
        var p = s_parameters;
        var (beta1, beta2, epsilon) = ((float)p.Beta1, (float)p.Beta2, (float)p.Epsilon);
        var keep = (float)(1 - (p.LearningRate * p.WeightDecay));
        var size = (float)(p.LearningRate / p.BiasCorrection1);
        var root = MathF.Sqrt((float)p.BiasCorrection2);
        for (var i = 0; i < _weights.Length; i++)
        {
            var gradient = _gradients[i] * p.GradientScale;
            _first[i] += (1 - beta1) * (gradient - _first[i]);
            _second[i] = (beta2 * _second[i]) + ((1 - beta2) * gradient * gradient);
            _weights[i] = (_weights[i] * keep) - (size * _first[i] / ((MathF.Sqrt(_second[i]) / root) + epsilon));
        }
    }

    [Benchmark]
    public double SumOfSquaresKernel() => VectorMath.SumOfSquares(_gradients);

    /// <summary>Sums in float32, so it is quicker than what the global norm may use.</summary>
    [Benchmark]
    public double SumOfSquaresTensorPrimitives() => TensorPrimitives.SumOfSquares<float>(_gradients);

    [Benchmark]
    public double SumOfSquaresScalar()
    {
        var sum = 0.0;
        foreach (var value in _gradients)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}
