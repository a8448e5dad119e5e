using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>Models with wrong bytes on the whole way from the file to the training graph.</summary>
public class DamagedModelTests
{
    [Theory]
    [InlineData("moe", 1)]
    [InlineData("lstm", 2)]
    [InlineData("bert", 3)]
    public void Damaged_bytes_end_in_an_error_of_a_known_type_or_in_a_training_graph(string name, int seed)
    {
        var sound = GoldenModel.Load("zoo", name, "model.onnx");
        var batch = RandomInputs.Create(sound.Model, new RandomInputOptions()).ToDictionary(input => input.Tensor.Name, input => input.Tensor, StringComparer.Ordinal);
        var bytes = File.ReadAllBytes(RepositoryPaths.Fixture("zoo", name, "model.onnx"));
        var random = new Random(seed);
        var (built, refused) = (0, 0);
        for (var round = 0; round < 120; round++)
        {
            var damaged = bytes.ToArray();
            // Weights are most of the bytes and may be anything; what says what they are is not.
            for (var i = 0; i < 2; i++)
            {
                damaged[Structural(bytes, random)] = (byte)random.Next(256);
            }

            try
            {
                Build(damaged, batch);
                built++;
            }
            catch (Exception exception) when (exception is OnnxFormatException or OrtException or GradientException or UnsupportedOperatorException or UnreachableParameterException)
            {
                Assert.NotEmpty(exception.Message);
                refused++;
            }
        }

        Assert.True(built > 0 && refused > 20, $"{built} built, {refused} refused");
    }

    private static void Build(byte[] damaged, Dictionary<string, TensorProto> batch)
    {
        var model = OnnxModel.Parse(damaged);
        var trainable = ModelImporter.Import(model).Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).ToArray();
        var inputs = model.Graph.Input.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        var values = Ort.Probe(model, batch.Where(pair => inputs.Contains(pair.Key)).ToDictionary(StringComparer.Ordinal));
        var loss = new LossOptions { Output = model.Graph.Output[0].Name, Type = LossType.MeanSquaredError, Labels = "labels" };
        new TrainingGraphBuilder().Build(model, values, loss, trainable);
    }

    /// <summary>A position near a name or a number of the graph: exporters write those as text and small varints.</summary>
    private static int Structural(byte[] bytes, Random random)
    {
        while (true)
        {
            var position = random.Next(2, bytes.Length - 2);
            if (bytes.AsSpan(position - 2, 5).ContainsAnyInRange((byte)'a', (byte)'z') && bytes.AsSpan(position - 2, 5).IndexOfAnyInRange((byte)128, (byte)255) < 0)
            {
                return position;
            }
        }
    }
}
