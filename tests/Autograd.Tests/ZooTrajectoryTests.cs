using System.Text.Json;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>
/// Five updates of every zoo model against PyTorch in float64. The optimizer is a plain AdamW in float64 over float32 weights, so that a
/// difference comes from the gradients.
/// </summary>
public class ZooTrajectoryTests
{
    private const double LearningRate = 2e-3;
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.95;
    private const double Epsilon = 1e-8;

    [Theory]
    [InlineData("activations")]
    [InlineData("bert")]
    [InlineData("cnn_bn")]
    [InlineData("lstm")]
    [InlineData("llama_rope_gqa")]
    [InlineData("moe")]
    [InlineData("unet")]
    public void Five_updates_are_those_of_PyTorch(string name)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("zoo", name, "golden.json")));
        var isSquared = json.RootElement.GetProperty("loss").GetString()!.Contains("squared", StringComparison.Ordinal);
        var golden = GoldenModel.Load(isSquared ? LossType.MeanSquaredError : LossType.CrossEntropy, "zoo", name, "model.onnx");
        (string, string)[] fields =
            [.. json.RootElement.GetProperty("inputs").EnumerateArray().Select(field => field.GetString()!).Append("labels")
                .Select(field => (field, RepositoryPaths.Fixture("zoo", name, $"{field}.npy")))];
        var expected = json.RootElement.GetProperty("losses_f64").EnumerateArray().Select(loss => loss.GetDouble()).ToArray();

        var graph = golden.Build(golden.Batch(0, fields), fused: true);
        using var session = Ort.Open(graph.Model);
        var feed = golden.Feed(golden.Batch(0, fields));
        foreach (var state in graph.States)
        {
            // Tracing in training mode is an update of its own, so the exported statistics are one ahead of those the golden began with.
            var initial = state.InputName.EndsWith("running_var", StringComparison.Ordinal) ? 1.0 : 0.0;
            feed[state.InputName] = Tensors.Of(state.Type, state.Shape, [.. Enumerable.Repeat(initial, (int)Tensors.Count(state.Shape))]);
        }

        var moments = graph.Parameters.ToDictionary(parameter => parameter.Name, parameter => new double[2][]
        {
            new double[Tensors.Count(parameter.Shape)], new double[Tensors.Count(parameter.Shape)],
        });
        for (var step = 0; step < expected.Length; step++)
        {
            foreach (var (field, tensor) in golden.Batch(step, fields))
            {
                feed[field] = tensor;
            }

            var results = Ort.Run(session, feed);
            Assert.InRange(results[graph.LossName][0], expected[step] - (2e-5 * expected[step]), expected[step] + (2e-5 * expected[step]));
            foreach (var parameter in graph.Parameters)
            {
                feed[parameter.Name] = Updated(feed[parameter.Name], results[parameter.GradientName], moments[parameter.Name], step + 1);
            }

            foreach (var state in graph.States)
            {
                feed[state.InputName] = Tensors.Of(state.Type, state.Shape, results[state.OutputName]);
            }
        }

        var final = NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", name, "state_final.npz"));
        foreach (var state in graph.States)
        {
            var differences = feed[state.InputName].ToSingles().Zip(final[state.InputName].Values, (a, b) => Math.Abs(a - b));
            Assert.True(differences.Max() <= 1e-5, $"{state.InputName} is off by {differences.Max():g3}");
        }

        Assert.Equal(name == "cnn_bn" ? 4 : 0, graph.States.Count);
    }

    private static TensorProto Updated(TensorProto weights, double[] gradient, double[][] moments, int step)
    {
        var values = Array.ConvertAll(weights.ToSingles(), value => (double)value);
        var decay = weights.Shape().Length >= 2 ? 0.1 : 0;
        for (var i = 0; i < values.Length; i++)
        {
            values[i] -= LearningRate * decay * values[i];
            moments[0][i] = (Beta1 * moments[0][i]) + ((1 - Beta1) * gradient[i]);
            moments[1][i] = (Beta2 * moments[1][i]) + ((1 - Beta2) * gradient[i] * gradient[i]);
            var root = Math.Sqrt(moments[1][i] / (1 - Math.Pow(Beta2, step)));
            values[i] -= LearningRate * moments[0][i] / (1 - Math.Pow(Beta1, step)) / (root + Epsilon);
        }

        return Tensors.Of(TensorElementType.Float, weights.Shape(), values);
    }
}
