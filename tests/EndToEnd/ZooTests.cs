using System.Globalization;
using OrtZero.Onnx;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>The small models of the zoo, trained by the program itself, against five steps of PyTorch in float64.</summary>
public sealed class ZooTests(ITestOutputHelper output)
{
    private const double LossTolerance = 2e-5;
    private const double GradientTolerance = 1e-4;
    private const double StateTolerance = 5e-5;
    private const double StatisticsTolerance = 1e-5;

    // Below this share of the whole gradient lies rounding: attention does not see the bias of its keys.
    private const double RoundingTolerance = 1e-7;

    [Theory]
    [InlineData("activations")]
    [InlineData("bert")]
    [InlineData("cnn_bn")]
    [InlineData("llama_rope_gqa")]
    [InlineData("lstm")]
    [InlineData("moe")]
    [InlineData("unet")]
    public void Five_steps_are_those_of_pytorch(string name)
    {
        using var job = Job.Zoo(name);
        ProgramRun.Train(1, job.Configuration);
        var lossError = Errors.Relative(job.Losses(), Job.ZooLosses(name));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"loss error {lossError:0.0e+0}"));
        Assert.InRange(lossError, 0, LossTolerance);

        var gradients = NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", name, "grads_step1.npz"));
        var trained = job.TrainedParameters();
        var whole = Math.Sqrt(gradients.Values.Sum(array => array.Values.Sum(value => value * value)));
        foreach (var (parameter, expected) in NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", name, "state_final.npz")))
        {
            if (parameter.Contains(".running_", StringComparison.Ordinal))
            {
                Assert.InRange(trained[parameter].Zip(expected.Values, (a, b) => Math.Abs(a - b)).Max(), 0, StatisticsTolerance);
                continue;
            }

            if (!gradients.ContainsKey(parameter))
            {
                // A table, which is not trained; the exporter may have given it another name.
                Assert.Equal(expected.Singles, trained.GetValueOrDefault(parameter) ?? expected.Singles);
                continue;
            }

            // AdamW makes whole steps out of rounding errors, in PyTorch as well.
            var gradient = gradients[parameter].Values;
            var seen = Enumerable.Range(0, gradient.Length).Where(i => Math.Abs(gradient[i]) > RoundingTolerance * whole || (gradient[i] == 0 && expected.Shape.Length > 1)).ToList();
            var (distance, norm) = Errors.Distance([.. seen.Select(i => trained[parameter][i])], [.. seen.Select(i => expected.Values[i])]);
            Assert.True(distance <= StateTolerance * norm, $"The final value of {parameter} is {distance / norm} of its norm from the original's.");
        }
    }

    [Theory]
    [InlineData("activations")]
    [InlineData("bert")]
    [InlineData("cnn_bn")]
    [InlineData("llama_rope_gqa")]
    [InlineData("lstm")]
    [InlineData("moe")]
    [InlineData("unet")]
    public void First_gradients_are_those_of_pytorch(string name)
    {
        using var job = Job.Zoo(name);
        var file = job.PathOf("gradients.safetensors");
        ProgramRun.Train(1, "gradients", job.Configuration, "--out", file);
        var actual = GoldenChecks.ReadGradients(file);
        var expected = NpyArray.LoadArchive(RepositoryPaths.Fixture("zoo", name, "grads_step1.npz"));
        var whole = Math.Sqrt(expected.Values.Sum(array => array.Values.Sum(value => value * value)));
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, gradient =>
        {
            var (distance, norm) = Errors.Distance(actual[gradient.Key], gradient.Value.Values);
            Assert.InRange(distance, 0, (GradientTolerance * norm) + (RoundingTolerance * whole));
        });
    }

    /// <summary>
    /// With a learning rate of zero the batches' statistics are those of the first parameters, so what two ranks carry is the mean of
    /// two single runs over every other micro-batch, and a run that was stopped and resumed carries what a whole one does.
    /// </summary>
    [Fact]
    public void Running_statistics_are_averaged_over_ranks_saved_and_exported()
    {
        var both = Statistics(2, 8, job => job);
        var first = Statistics(1, 4, job => Reorder(job, half: 0));
        var second = Statistics(1, 4, job => Reorder(job, half: 1));
        var stage3 = Statistics(2, 8, job => job.With("zero_optimization.stage", "3"));
        Assert.NotEmpty(both);
        Assert.All(both.Keys, name =>
        {
            Assert.Equal(first[name].Zip(second[name], (a, b) => (a + b) / 2), both[name], (a, b) => Math.Abs(a - b) < 1e-6);
            Assert.Equal(both[name], stage3[name]);
        });

        // One rank carries the same bits whether it was interrupted or not.
        var whole = Statistics(1, 8, job => job);
        var resumed = Statistics(1, 8, job =>
        {
            job.With("checkpoint.interval", "2");
            ProgramRun.Train(1, job.Configuration, "--max-iters", "2");
            return job.With("checkpoint.resume", "\"auto\"");
        });
        Assert.All(whole.Keys, name => Assert.Equal(whole[name], resumed[name]));
    }

    private static Dictionary<string, float[]> Statistics(int ranks, int samples, Func<Job, Job> change)
    {
        using var job = Job.Zoo("cnn_bn").With("micro_batch_size", "2").With("optim_wrapper.optimizer.lr", "0").With("checkpoint.interval", "1000");
        Keep(job, [.. Enumerable.Range(0, samples)]);
        ProgramRun.Train(ranks, change(job).Configuration);
        var model = OnnxModel.Load(job.TrainedModel);
        Assert.DoesNotContain(model.Graph.Node, node => node.OpType == "BatchNormalization" && node.GetInt("training_mode", 0) != 0);
        return job.TrainedParameters().Where(pair => pair.Key.Contains(".running_", StringComparison.Ordinal)).ToDictionary(StringComparer.Ordinal);
    }

    // The samples that one of two ranks sees of the first eight.
    private static Job Reorder(Job job, int half)
    {
        Keep(job, [half * 2, (half * 2) + 1, (half * 2) + 4, (half * 2) + 5]);
        return job;
    }

    private static void Keep(Job job, int[] samples)
    {
        var (x, labels) = (NpyArray.Load(RepositoryPaths.Fixture("zoo", "cnn_bn", "x.npy")), NpyArray.Load(RepositoryPaths.Fixture("zoo", "cnn_bn", "labels.npy")));
        var size = x.Shape[2..].Aggregate(1, (product, length) => product * length);
        NpyWriter.Write(job.PathOf("x.npy"), [.. samples.SelectMany(sample => x.Singles.AsSpan(sample * size, size).ToArray())], [samples.Length, .. x.Shape[2..]]);
        NpyWriter.Write(job.PathOf("labels.npy"), [.. samples.Select(sample => labels.Integers[sample])], samples.Length);
    }
}
