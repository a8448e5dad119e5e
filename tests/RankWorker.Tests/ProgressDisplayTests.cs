using OrtZero.RankWorker.Internal;
using OrtZero.Training;

namespace OrtZero.RankWorker.Tests;

public sealed class ProgressDisplayTests : IDisposable
{
    private readonly StringWriter _output = new() { NewLine = "\n" };

    public void Dispose() => _output.Dispose();

    [Fact]
    public void Lines_that_nobody_watches_are_plain_and_one_per_interval()
    {
        var display = Start(redraws: false);
        display.Report(Metrics(1));
        display.Report(Metrics(2));
        var lines = _output.ToString().TrimEnd('\n').Split('\n');
        Assert.StartsWith("model.onnx: 1,234 trainable parameters in 2 groups, ZeRO stage 1, 2 ranks, 100,000,000 iterations", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("epoch 1 iter 1/100000000 loss 0.5000 grad_norm 2.000 ", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(" left lr a 1.00e-3 b 2.00e-3", lines[2], StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', _output.ToString());
    }

    [Fact]
    public void A_watched_line_is_redrawn_in_place_and_kept_above_what_is_written_next()
    {
        var display = Start(redraws: true);
        display.Report(Metrics(1));
        display.Report(Metrics(2));
        display.WriteLine("warning: something");
        var drawn = _output.ToString().Split('\n')[1];
        Assert.Equal(2, drawn.Split('\r').Count(part => part.EndsWith("\u001b[K", StringComparison.Ordinal)));
        Assert.Equal("warning: something", _output.ToString().Split('\n')[2]);
    }

    [Fact]
    public void Before_the_first_update_neither_a_norm_nor_rates_are_shown()
    {
        Start(redraws: false).Report(Metrics(1) with { GradientNorm = null, Groups = [] });
        Assert.DoesNotContain("grad_norm", _output.ToString(), StringComparison.Ordinal);
        Assert.EndsWith(" left\n", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_than_a_day_left_is_counted_in_hours()
    {
        var display = Start(redraws: false);
        // One of a hundred million iterations in at least a millisecond: more than 27 hours for the rest.
        await Task.Delay(2);
        display.Report(Metrics(1));
        var left = _output.ToString().Split('\n')[1].Split(" left")[0].Split(' ')[^1];
        Assert.InRange(int.Parse(left.Split(':')[0], System.Globalization.CultureInfo.InvariantCulture), 25, int.MaxValue);
    }

    [Fact]
    public void Writers_of_several_threads_do_not_cut_into_each_others_lines()
    {
        var display = new ProgressDisplay(_output, redraws: false);
        Parallel.For(0, 200, index => display.WriteLine($"line {index}"));
        Assert.Equal(
            Enumerable.Range(0, 200).Select(index => $"line {index}").Order(StringComparer.Ordinal),
            _output.ToString().TrimEnd('\n').Split('\n').Order(StringComparer.Ordinal));
    }

    private ProgressDisplay Start(bool redraws)
    {
        var display = new ProgressDisplay(_output, redraws);
        display.Started(new RunDescription
        {
            RunId = "1", Rank = 0, WorldSize = 2, ConfigurationHash = "", ModelHash = "", ModelPath = "/models/model.onnx", WorkDir = "/work",
            TotalIterations = 100_000_000, IterationsPerEpoch = 1000, TrainableElements = 1234, ZeroStage = 1, Groups = ["a", "b"],
        });
        return display;
    }

    private static MetricsRecord Metrics(long iteration) => new()
    {
        Iteration = iteration, Epoch = 0, Loss = 0.5, GradientNorm = 2, SamplesPerSecond = 100, PeakRssBytes = 1 << 20,
        Groups = [new GroupMetrics("a", 1e-3, 0.1), new GroupMetrics("a/no_decay", 1e-3, 0), new GroupMetrics("b", 2e-3, 0.1)],
    };
}
