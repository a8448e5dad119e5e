using System.Globalization;
using System.Security.Cryptography;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>
/// With normalize "global" an update does not depend on how its samples are cut into micro-batches and ranks, although labels that
/// count are spread unevenly over them, some micro-batches having none.
/// </summary>
public sealed class GlobalNormalizationTests(ITestOutputHelper output)
{
    private const int PerUpdate = 16;
    private const int Updates = 4;
    private const double Tolerance = 2e-5;

    [Theory]
    [InlineData("1", "1 4 0", "2 2 1", "4 1 3")]
    [InlineData("0.25, 3, 1, 0.5, 2", "2 4 2", "4 2 0")]
    public void Every_division_of_an_update_is_the_one_big_batch(string classWeights, params string[] divisions)
    {
        var (losses, norms, parameters) = Train(1, PerUpdate, 1, classWeights);
        foreach (var division in divisions)
        {
            var (ranks, counts, stage) = (division[0] - '0', division[2] - '0', division[4] - '0');
            var (otherLosses, otherNorms, otherParameters) = Train(ranks, PerUpdate / ranks / counts, counts, classWeights, stage);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{ranks} ranks x {counts} at stage {stage}: losses {Errors.Relative(otherLosses, losses):0.0e+0}, norms {Errors.Relative(otherNorms, norms):0.0e+0}"));
            Assert.InRange(Errors.Relative(otherLosses, losses), 0, Tolerance);
            Assert.InRange(Errors.Relative(otherNorms, norms), 0, Tolerance);
            Assert.All(parameters, parameter =>
            {
                var (distance, norm) = Errors.Distance(otherParameters[parameter.Key], [.. parameter.Value.Select(value => (double)value)]);
                Assert.InRange(distance, 0, Tolerance * Math.Max(norm, 1));
            });
        }

        // What makes the above mean something.
        Assert.NotInRange(Errors.Relative(Train(2, 2, 4, classWeights, normalize: "micro_batch").Norms, norms), 0, 100 * Tolerance);
    }

    [Fact]
    public void Several_losses_are_each_divided_by_what_they_count()
    {
        var (losses, norms, parameters, validation) = Train(1, 1, 0);
        foreach (var (ranks, counts, stage) in ((int, int, int)[])[(1, 4, 1), (2, 2, 3)])
        {
            var (otherLosses, otherNorms, otherParameters, otherValidation) = Train(ranks, counts, stage);
            Assert.InRange(Errors.Relative(otherLosses, losses), 0, Tolerance);
            Assert.InRange(Errors.Relative(otherNorms, norms), 0, Tolerance);
            Assert.InRange(Math.Abs(otherValidation - validation), 0, Tolerance * validation);
            Assert.All(parameters, parameter =>
            {
                var (distance, norm) = Errors.Distance(otherParameters[parameter.Key], [.. parameter.Value.Select(value => (double)value)]);
                Assert.InRange(distance, 0, Tolerance * Math.Max(norm, 1));
            });
        }

        static (double[] Losses, double[] Norms, IReadOnlyDictionary<string, float[]> Parameters, double Validation) Train(int ranks, int counts, int stage)
        {
            using var job = NewJob(PerUpdate / ranks / counts, counts, "1", stage)
                .With("model.loss", """
                    [ { "type": "cross_entropy", "output": "logits", "labels": "labels", "normalize": "global" },
                      { "type": "cross_entropy", "output": "logits", "labels": "others", "normalize": "global", "weight": 0.5, "label_smoothing": 0.2 } ]
                    """)
                .With("data.train.fields.others", "\"others.npy\"").With("train_cfg", $$"""{ "max_iters": {{2 * counts}} }""").WithValidation();
            var labels = NpyArray.Load(job.PathOf("labels.npy"));
            NpyWriter.Write(
                job.PathOf("others.npy"), [.. labels.Integers.Select((label, i) => i / labels.Shape[1] % 3 == 0 ? Math.Abs(label % 7) : -100)], labels.Shape[0], labels.Shape[1]);
            ProgramRun.Train(ranks, job.Configuration);
            return (
                job.Losses(), [.. job.Metrics.Select(line => line.GetProperty("grad_norm").GetDouble())], job.TrainedParameters(),
                job.Validations[^1].GetProperty("loss").GetDouble());
        }
    }

    [Fact]
    public void Deterministic_updates_have_the_same_bits_on_any_number_of_ranks()
    {
        var hashes = ((int Ranks, int Counts, int Stage)[])[(1, 8, 1), (2, 4, 3), (4, 2, 2)];
        Assert.Single(hashes.Select(cell =>
        {
            using var job = NewJob(2, cell.Counts, "0.3, 1.7, 0.9, 1.1, 0.7", cell.Stage).With("randomness.deterministic", "true");
            ProgramRun.Train(cell.Ranks, job.Configuration);
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(job.TrainedModel)));
        }).Distinct());
    }

    [Fact]
    public void Gradients_and_validation_count_labels_too()
    {
        var files = new List<Dictionary<string, float[]>>();
        var validations = new List<double>();
        foreach (var (ranks, counts) in ((int, int)[])[(1, 1), (2, 4)])
        {
            using var job = NewJob(PerUpdate / ranks / counts, counts, "1", 1).WithValidation();
            var file = job.PathOf("gradients.safetensors");
            ProgramRun.Train(ranks, "gradients", job.Configuration, "--out", file);
            files.Add(GoldenChecks.ReadGradients(file));
            ProgramRun.Train(ranks, job.Configuration, "--max-iters", $"{counts}");
            validations.Add(job.Validations[^1].GetProperty("loss").GetDouble());
        }

        Assert.All(files[0], gradient =>
        {
            var (distance, norm) = Errors.Distance(files[1][gradient.Key], [.. gradient.Value.Select(value => (double)value)]);
            Assert.InRange(distance, 0, (Tolerance * norm) + 1e-7);
        });
        Assert.InRange(Math.Abs(validations[1] - validations[0]), 0, Tolerance * validations[0]);
    }

    private static (double[] Losses, double[] Norms, IReadOnlyDictionary<string, float[]> Parameters) Train(
        int ranks, int microBatch, int counts, string classWeights, int stage = 0, string normalize = "global")
    {
        using var job = NewJob(microBatch, counts, classWeights, stage).With("model.loss.normalize", $"\"{normalize}\"");
        ProgramRun.Train(ranks, job.Configuration);
        return (job.Losses(), [.. job.Metrics.Select(line => line.GetProperty("grad_norm").GetDouble())], job.TrainedParameters());
    }

    private static Job NewJob(int microBatch, int counts, string classWeights, int stage)
    {
        var job = Job.GptNano();
        var inputs = NpyArray.Load(job.PathOf("inputs.npy"));
        var labels = NpyArray.Load(job.PathOf("labels.npy"));
        var (length, samples) = (labels.Shape[1], PerUpdate * Updates);
        var values = labels.Integers[..(samples * length)];
        for (var i = 0; i < values.Length; i++)
        {
            var (sample, position) = Math.DivRem(i, length);
            // Three samples in a row have no label at all, so some micro-batches have none.
            values[i] = sample % 8 > 4 || position > sample * 13 % length ? -100 : values[i];
        }

        NpyWriter.Write(job.PathOf("inputs.npy"), inputs.Integers[..(samples * length)], samples, length);
        NpyWriter.Write(job.PathOf("labels.npy"), values, samples, length);
        var weights = classWeights.Split(", ");
        var classes = Onnx.OnnxModel.Load(job.PathOf("model.onnx")).Graph.Output[0].Type.TensorType.Shape.Dim[^1].DimValue;
        return job
            .With("micro_batch_size", $"{microBatch}")
            .With("optim_wrapper.accumulative_counts", $"{counts}")
            .With("optim_wrapper.optimizer.eps", "1e-4")
            .With("log.interval", $"{counts}")
            .With("zero_optimization.stage", $"{stage}")
            .With("zero_optimization.stage3_param_persistence_threshold", "1000")
            .With("model.loss.normalize", "\"global\"")
            .With("model.loss.class_weights", weights.Length == 1 ? "null" : $"[{string.Join(", ", Enumerable.Range(0, (int)classes).Select(i => weights[i % weights.Length]))}]");
    }
}
