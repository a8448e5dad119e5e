using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.EndToEnd;

/// <summary>The trained model.onnx as somebody gets it who has nothing but ONNX Runtime.</summary>
public sealed class TrainedModelTests
{
    private static readonly OrtEnvironment s_environment = new(OrtLibrary.Load(RepositoryPaths.OrtLibrary), OrtLogLevel.Error);

    [Theory]
    [InlineData("vlm.onnx", 1, 0)]
    [InlineData("vlm.onnx", 2, 1)]
    [InlineData("vlm_default_export.onnx", 2, 1)]
    public void It_gives_the_loss_and_accuracy_of_the_trainers_validation(string model, int ranks, int stage)
    {
        using var job = Job.Vlm(model).WithValidation().With("zero_optimization.stage", $"{stage}");
        ProgramRun.Train(ranks, job.Configuration);

        var (loss, accuracy) = Measure(job, 8, 160, "logits");
        var validation = Assert.Single(job.Validations);
        Assert.InRange(Math.Abs(loss - validation.GetProperty("loss").GetDouble()), 0, 1e-5);
        Assert.Equal(accuracy, validation.GetProperty("value").GetDouble(), 1e-12);
        Assert.Equal(("token_accuracy", 160), (validation.GetProperty("metric").GetString(), validation.GetProperty("samples").GetInt32()));
    }

    [Fact]
    public void A_model_of_one_batch_size_keeps_it()
    {
        using var job = Job.Bert().WithValidation();
        ProgramRun.Train(1, job.Configuration);

        var (loss, accuracy) = Measure(job, 4, 20, "output");
        var validation = Assert.Single(job.Validations);
        Assert.InRange(Math.Abs(loss - validation.GetProperty("loss").GetDouble()), 0, 1e-5);
        Assert.Equal(accuracy, validation.GetProperty("value").GetDouble(), 1e-12);
        AssertOnlyValuesDiffer(job);
    }

    [Fact]
    public void Only_the_values_of_trained_parameters_differ_from_the_original_file()
    {
        using var job = Job.Vlm().With("train_cfg", """{ "max_iters": 2 }""").With("model.frozen", """["visual_encoder.patch"]""");
        ProgramRun.Train(2, job.Configuration);

        AssertOnlyValuesDiffer(job);
        var before = Job.ReadParameters(job.PathOf("model.onnx"));
        var after = job.TrainedParameters();
        Assert.Equal(before["visual_encoder.patch.weight"], after["visual_encoder.patch.weight"]);
        Assert.NotEqual(before["language_model.lm_head.weight"], after["language_model.lm_head.weight"]);
    }

    [Fact]
    public void A_folded_export_keeps_its_inputs_outputs_and_names()
    {
        using var job = Job.Vlm("vlm_default_export.onnx").With("train_cfg", """{ "max_iters": 2 }""");
        ProgramRun.Train(1, job.Configuration);

        var original = OnnxModel.Load(job.PathOf("model.onnx")).Graph;
        var trained = OnnxModel.Load(job.TrainedModel).Graph;
        Assert.Equal(original.Input, trained.Input);
        Assert.Equal(original.Output, trained.Output);
        // Parameters that were one because their values were equal are several now, the first under the common name.
        Assert.Subset(
            trained.Initializer.Select(initializer => initializer.Name).ToHashSet(StringComparer.Ordinal),
            original.Initializer.Select(initializer => initializer.Name).ToHashSet(StringComparer.Ordinal));
    }

    private static void AssertOnlyValuesDiffer(Job job)
    {
        var original = OnnxModel.Load(job.PathOf("model.onnx")).Proto;
        var trained = OnnxModel.Load(job.TrainedModel).Proto;
        Assert.Equal(original.Graph.Initializer.Select(Describe), trained.Graph.Initializer.Select(Describe));
        original.Graph.Initializer.Clear();
        trained.Graph.Initializer.Clear();
        Assert.Equal(original, trained);

        static string Describe(Onnx.Protobuf.TensorProto initializer) =>
            $"{initializer.Name}: {initializer.ElementType()} [{string.Join(", ", initializer.Shape())}]";
    }

    // Cross-entropy in float64 over what the session gives, batch by batch as the trainer's validation goes.
    private static (double Loss, double Accuracy) Measure(Job job, int batch, int samples, string output)
    {
        using var session = OrtSession.Open(s_environment, job.TrainedModel, null);
        var labels = NpyArray.Load(job.PathOf("labels.npy")).Integers;
        var perSample = labels.Length / samples;
        var (lossSum, right, counted) = (0.0, 0L, 0L);
        for (var first = 0; first < samples; first += batch)
        {
            var inputs = session.Inputs.ToDictionary(input => input.Name, input => Slice(job, input, first, batch));
            using var scores = session.Run(inputs, [output])[0];
            var (loss, hits, total) = CrossEntropy(scores.Span<float>(), labels.AsSpan(first * perSample, batch * perSample));
            lossSum += loss / total * batch;
            right += hits;
            counted += total;
            foreach (var input in inputs.Values)
            {
                input.Dispose();
            }
        }

        return (lossSum / samples, (double)right / counted);
    }

    private static OrtTensor Slice(Job job, ValueDescription input, int first, int count)
    {
        var array = NpyArray.Load(job.PathOf($"{input.Name}.npy"));
        var length = array.Values.Length / array.Shape[0];
        long[] shape = [count, .. array.Shape[1..].Select(dimension => (long)dimension)];
        return input.Type == TensorElementType.Float
            ? OrtTensor.FromSingles(array.Singles.AsSpan(first * length, count * length), shape)
            : OrtTensor.FromInt64s(array.Integers.AsSpan(first * length, count * length), shape);
    }

    private static (double Loss, int Right, int Counted) CrossEntropy(ReadOnlySpan<float> scores, ReadOnlySpan<long> labels)
    {
        var classes = scores.Length / labels.Length;
        var (loss, right, counted) = (0.0, 0, 0);
        for (var position = 0; position < labels.Length; position++)
        {
            if (labels[position] == -100)
            {
                continue;
            }

            var row = scores.Slice(position * classes, classes).ToArray();
            var greatest = row.Max();
            var label = (int)labels[position];
            loss += greatest + Math.Log(row.Sum(score => Math.Exp(score - (double)greatest))) - row[label];
            right += Array.IndexOf(row, greatest) == label ? 1 : 0;
            counted++;
        }

        return (loss, right, counted);
    }
}
