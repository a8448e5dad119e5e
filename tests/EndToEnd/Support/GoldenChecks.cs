using System.Globalization;
using System.Runtime.InteropServices;
using OrtZero.Sharding;
using Xunit.Abstractions;

namespace OrtZero.EndToEnd.Support;

/// <summary>How near to PyTorch's float64 runs a job has to be.</summary>
internal sealed class GoldenChecks(ITestOutputHelper output)
{
    public const double LossTolerance = 2e-5;
    public const double GradientTolerance = 1e-4;
    public const double ParameterTolerance = 5e-5;

    // Softmax does not see the bias of attention keys: its gradient is zero but for rounding, which is measured against the
    // gradient of the whole model.
    public const double RoundingTolerance = 1e-7;

    /// <summary>Compares losses, gradient norms and final parameters of a job that was trained.</summary>
    public void AssertTrajectory(Golden golden, Job job)
    {
        var lossError = Errors.Relative(job.Losses(), golden.Losses);
        Report($"loss error {lossError:0.0e+0}");
        Assert.True(lossError <= LossTolerance, $"A loss is {lossError} from the original's, relative to it.");
        if (golden.GradientNorms is { } norms)
        {
            var normError = Errors.Relative([.. job.Metrics.Select(line => line.GetProperty("grad_norm").GetDouble())], norms);
            Report($"gradient norm error {normError:0.0e+0}");
            Assert.True(normError <= GradientTolerance, $"A gradient norm is {normError} from the original's, relative to it.");
        }

        AssertFinalParameters(golden, job.TrainedParameters());
    }

    /// <summary>What <c>rankworker gradients</c> wrote.</summary>
    public static Dictionary<string, float[]> ReadGradients(string file)
    {
        using var gradients = SafetensorsFile.Read(file);
        return gradients.Entries.ToDictionary(
            entry => entry.Name, entry => MemoryMarshal.Cast<byte, float>(gradients.ReadBytes(entry.Name)).ToArray(), StringComparer.Ordinal);
    }

    /// <summary>Compares the gradients of the first update.</summary>
    public void AssertGradients(IReadOnlyDictionary<string, NpyArray> expected, IReadOnlyDictionary<string, float[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        var rounding = RoundingTolerance * Math.Sqrt(expected.Values.Sum(array => array.Values.Sum(value => value * value)));
        AssertClose(
            expected.Keys,
            name => Errors.Distance(actual[name], expected[name].Values) is var (distance, norm) && distance <= rounding ? (0, norm) : (distance, norm),
            GradientTolerance,
            "gradient");
    }

    private void AssertFinalParameters(Golden golden, IReadOnlyDictionary<string, float[]> actual)
    {
        Assert.All(golden.FinalParameters.Keys, name => Assert.Contains(name, actual));
        AssertClose(
            golden.FinalParameters.Keys,
            name => Errors.Distance(SeenBySoftmax(golden, name, actual[name]), SeenBySoftmax(golden, name, golden.FinalParameters[name].Values)),
            ParameterTolerance,
            "final value");
        // AdamW makes steps of the full rate out of rounding errors too, in PyTorch as well; so much is left to check of them.
        Assert.All(golden.FinalParameters, parameter =>
        {
            var furthest = actual[parameter.Key].Zip(parameter.Value.Values, (is_, was) => Math.Abs(is_ - was)).Max();
            Assert.InRange(furthest, 0, 2 * golden.LearningRate * golden.Losses.Length);
        });
    }

    // A bias without the elements whose gradient is one of rounding errors alone, see RoundingTolerance: 1e-18 of the largest.
    public static T[] SeenBySoftmax<T>(Golden golden, string name, T[] values)
    {
        if (!name.EndsWith(".bias", StringComparison.Ordinal))
        {
            return values;
        }

        var gradient = golden.Gradients[name].Values;
        var noise = golden.LargestGradient * 1e-12;
        return [.. values.Where((_, index) => Math.Abs(gradient[index]) > noise)];
    }

    /// <summary>Compares tensors one by one: the distance against the norm.</summary>
    public void AssertClose(
        IEnumerable<string> names, Func<string, (double Distance, double Norm)> compare, double tolerance, string what)
    {
        var worst = (Error: 0.0, Name: "");
        foreach (var name in names)
        {
            var (distance, norm) = compare(name);
            var error = distance == 0 ? 0 : distance / norm;
            worst = error > worst.Error || double.IsNaN(error) ? (error, name) : worst;
        }

        Report($"{what} error {worst.Error:0.0e+0} of {worst.Name}'s norm");
        Assert.True(worst.Error <= tolerance, $"The {what} of {worst.Name} is {worst.Error} of its norm from the original's.");
    }

    /// <summary>Writes a line beside the test's result.</summary>
    public void Report(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
