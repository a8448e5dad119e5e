using System.Text.Json;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Loss and gradients of the first update against PyTorch in float64.</summary>
public class GoldenGradientTests
{
    [Theory]
    [InlineData("vlm.onnx", true)]
    [InlineData("vlm.onnx", false)]
    [InlineData("vlm_default_export.onnx", true)]
    [InlineData("vlm_default_export.onnx", false)]
    public void Vlm_gradients_are_those_of_PyTorch(string file, bool fused)
    {
        var golden = GoldenModel.Load("vlm", file);
        var batches = Enumerable.Range(0, 2).Select(index => golden.Batch(index, VlmFile("image"), VlmFile("input_ids"), VlmFile("labels"))).ToArray();
        var expected = NpyArray.LoadArchive(RepositoryPaths.Fixture("vlm", "golden", "grads_step1.npz"));
        using var json = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("vlm", "golden", "golden.json")));
        var losses = json.RootElement.GetProperty("runs").GetProperty("constant").GetProperty("losses_f64");
        Check(golden, batches, fused, losses[0].GetDouble(), expected);
        Assert.Equal(file == "vlm.onnx" ? 55 : 53, golden.Trainable.Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gpt_gradients_are_those_of_PyTorch(bool fused)
    {
        var golden = GoldenModel.Load("gpt_nano", "gpt_nano.onnx");
        var batch = golden.Batch(
            0, ("input_ids", RepositoryPaths.Fixture("gpt_nano", "golden", "inputs.npy")), ("labels", RepositoryPaths.Fixture("gpt_nano", "golden", "labels.npy")));
        var loss = NpyArray.Load(RepositoryPaths.Fixture("gpt_nano", "golden", "losses_f64.npy")).Values[0];
        Check(golden, [batch], fused, loss, NpyArray.LoadArchive(RepositoryPaths.Fixture("gpt_nano", "golden", "grads_step1.npz")));
    }

    [Theory]
    [InlineData("bert", true)]
    [InlineData("bert", false)]
    [InlineData("activations", true)]
    [InlineData("unet", true)]
    [InlineData("unet", false)]
    [InlineData("cnn_bn", true)]
    [InlineData("cnn_bn", false)]
    [InlineData("lstm", true)]
    [InlineData("lstm", false)]
    [InlineData("moe", true)]
    [InlineData("llama_rope_gqa", true)]
    [InlineData("llama_rope_gqa", false)]
    public void Zoo_gradients_are_those_of_PyTorch(string name, bool fused)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("zoo", name, "golden.json")));
        var isSquared = json.RootElement.GetProperty("loss").GetString()!.Contains("squared", StringComparison.Ordinal);
        var golden = GoldenModel.Load(isSquared ? LossType.MeanSquaredError : LossType.CrossEntropy, "zoo", name, "model.onnx");
        var fields = json.RootElement.GetProperty("inputs").EnumerateArray().Select(field => field.GetString()!).Append("labels");
        var batch = golden.Batch(0, [.. fields.Select(field => (field, RepositoryPaths.Fixture("zoo", name, $"{field}.npy")))]);
        var loss = json.RootElement.GetProperty("losses_f64")[0].GetDouble();
        Check(golden, [batch], fused, loss, NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", name, "grads_step1.npz")));
    }

    private static (string Name, string Path) VlmFile(string name) => (name, RepositoryPaths.Fixture("vlm", "golden", $"{name}.npy"));

    private static void Check(
        GoldenModel golden, Dictionary<string, TensorProto>[] batches, bool fused, double loss, Dictionary<string, NpyArray> expected)
    {
        var graph = golden.Build(batches[0], fused);
        using var session = Ort.Open(graph.Model);
        var runs = Array.ConvertAll(batches, batch => Ort.Run(session, golden.Feed(batch)));
        Assert.InRange(runs.Average(run => run[graph.LossName][0]), loss - (2e-5 * loss), loss + (2e-5 * loss));
        var transposed = golden.Report.Parameters.Where(parameter => parameter.Transposed).Select(parameter => parameter.Name).ToHashSet();

        // A gradient that is zero by symmetry (the bias of attention keys) is rounding noise in both.
        var floor = 1e-7 * Norm(expected.Values.SelectMany(array => array.Values));
        Assert.Equal(golden.Trainable, graph.Parameters.Select(parameter => parameter.Name));
        foreach (var parameter in graph.Parameters)
        {
            var actual = Mean(runs, parameter.GradientName);
            if (transposed.Contains(parameter.Name))
            {
                actual = Transpose(actual, parameter.Shape);
            }

            var wanted = expected[parameter.Name].Values;
            Assert.Equal(wanted.Length, actual.Length);
            var difference = Norm(actual.Zip(wanted, (a, b) => a - b));
            Assert.True(
                difference <= Math.Max(floor, 1e-4 * Norm(wanted)),
                $"{parameter.Name}: difference {difference:g3} from a gradient of norm {Norm(wanted):g3}");
        }
    }

    private static double[] Mean(Dictionary<string, double[]>[] runs, string name)
    {
        var sum = new double[runs[0][name].Length];
        foreach (var run in runs)
        {
            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] += run[name][i] / runs.Length;
            }
        }

        return sum;
    }

    private static double[] Transpose(double[] values, long[] shape)
    {
        var result = new double[values.Length];
        for (var row = 0; row < shape[0]; row++)
        {
            for (var column = 0; column < shape[1]; column++)
            {
                result[(column * shape[0]) + row] = values[(row * shape[1]) + column];
            }
        }

        return result;
    }

    private static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));
}
