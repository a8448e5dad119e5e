using BenchmarkDotNet.Attributes;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.KernelBenchmark;

/// <summary>The operators of the training graph, at gpt_nano's sizes, against plain loops.</summary>
[InProcess]
[MemoryDiagnoser]
public class GraphBenchmarks : IDisposable
{
    private const int Rows = 2048;
    private const int Width = 128;
    private const int Hidden = 4 * Width;
    private const int Classes = 256;
    private const float RootTwoOverPi = 0.7978845608f;
    private const float Cubic = 0.044715f;

    private readonly float[] _x = Samples.Floats(Rows * Hidden, 1);
    private readonly float[] _dY = Samples.Floats(Rows * Hidden, 2);
    private readonly float[] _scale = Samples.Floats(Width, 3);
    private readonly long[] _labels = Samples.Labels(Rows, Classes, 4);
    private readonly float[] _result = new float[Rows * Hidden];
    private readonly float[] _dScale = new float[Width];
    private readonly float[] _dBias = new float[Width];
    private readonly float[] _mean = new float[Rows];
    private readonly float[] _invStd = new float[Rows];
    private readonly float[] _table = new float[Classes * Width];
    private FusedNode _gelu = null!;
    private FusedNode _layerNormalization = null!;
    private FusedNode _crossEntropy = null!;
    private FusedNode _embedding = null!;

    [GlobalSetup]
    public void Setup()
    {
        Array.Fill(_invStd, 1.7f);
        _gelu = new FusedNode(
            "GeluGrad", [Tensor(_dY, Rows, Hidden), Tensor(_x, Rows, Hidden)], [[Rows, Hidden]], node => node.SetString("approximate", "tanh"));
        _layerNormalization = new FusedNode(
            "LayerNormalizationGrad",
            [Tensor(_dY, Rows, Width), Tensor(_x, Rows, Width), Tensor(_scale, Width), Tensor(_mean, Rows, 1), Tensor(_invStd, Rows, 1)],
            [[Rows, Width], [Width], [Width]]);
        _crossEntropy = new FusedNode("CrossEntropy", [Tensor(_x, Rows, Classes), OrtTensor.FromInt64s(_labels, Rows)], [[], [Rows, Classes]]);
        _embedding = new FusedNode(
            "EmbeddingGrad", [Tensor(_dY, Rows, Width), OrtTensor.FromInt64s(_labels, Rows)], [[Classes, Width]], node => node.SetInt("rows", Classes));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _gelu.Dispose();
        _layerNormalization.Dispose();
        _crossEntropy.Dispose();
        _embedding.Dispose();
    }

    [Benchmark]
    public void GeluGradKernel() => _gelu.Run();

    [Benchmark]
    public void GeluGradScalar()
    {
        for (var i = 0; i < _x.Length; i++)
        {
            var x = _x[i];
            var tanh = MathF.Tanh(RootTwoOverPi * (x + (Cubic * x * x * x)));
            var slope = (0.5f * (1 + tanh)) + (0.5f * x * (1 - (tanh * tanh)) * RootTwoOverPi * (1 + (3 * Cubic * x * x)));
            _result[i] = _dY[i] * slope;
        }
    }

    [Benchmark]
    public void LayerNormalizationGradKernel() => _layerNormalization.Run();

    [Benchmark]
    public void LayerNormalizationGradScalar()
    {
        Array.Clear(_dScale);
        Array.Clear(_dBias);
        for (var row = 0; row < Rows; row++)
        {
            var (sum, product) = (0f, 0f);
            for (var i = 0; i < Width; i++)
            {
                var at = (row * Width) + i;
                var h = (_x[at] - _mean[row]) * _invStd[row];
                var g = _dY[at] * _scale[i];
                sum += g;
                product += g * h;
                _dScale[i] += _dY[at] * h;
                _dBias[i] += _dY[at];
            }

            for (var i = 0; i < Width; i++)
            {
                var at = (row * Width) + i;
                var h = (_x[at] - _mean[row]) * _invStd[row];
                _result[at] = _invStd[row] * ((_dY[at] * _scale[i]) - (sum / Width) - (h * product / Width));
            }
        }
    }

    [Benchmark]
    public void CrossEntropyKernel() => _crossEntropy.Run();

    [Benchmark]
    public double CrossEntropyScalar()
    {
        var loss = 0.0;
        for (var row = 0; row < Rows; row++)
        {
            var scores = _x.AsSpan(row * Classes, Classes);
            var gradient = _result.AsSpan(row * Classes, Classes);
            var max = float.NegativeInfinity;
            foreach (var score in scores)
            {
                max = MathF.Max(max, score);
            }

            var sum = 0f;
            for (var i = 0; i < Classes; i++)
            {
                sum += gradient[i] = MathF.Exp(scores[i] - max);
            }

            for (var i = 0; i < Classes; i++)
            {
                gradient[i] /= sum * Rows;
            }

            gradient[(int)_labels[row]] -= 1f / Rows;
            loss += max + MathF.Log(sum) - scores[(int)_labels[row]];
        }

        return loss / Rows;
    }

    [Benchmark]
    public void EmbeddingGradKernel() => _embedding.Run();

    [Benchmark]
    public void EmbeddingGradScalar()
    {
        Array.Clear(_table);
        for (var row = 0; row < Rows; row++)
        {
            var start = (int)_labels[row] * Width;
            for (var i = 0; i < Width; i++)
            {
                _table[start + i] += _dY[(row * Width) + i];
            }
        }
    }

    private static OrtTensor Tensor(float[] values, params ReadOnlySpan<long> shape)
    {
        var count = 1L;
        foreach (var length in shape)
        {
            count *= length;
        }

        return OrtTensor.FromSingles(values.AsSpan(0, (int)count), shape);
    }
}
