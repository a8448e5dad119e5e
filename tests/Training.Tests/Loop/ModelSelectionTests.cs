using System.Text.Json.Nodes;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

public sealed class ModelSelectionTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_keeps_the_best_k_the_best_first()
    {
        var selection = Of("""{ "save_best": "token_accuracy", "best_max_keep": 2 }""", "null");
        Assert.Equal([true, true, false, true], new[] { 0.5, 0.7, 0.4, 0.6 }.Select((value, step) => selection.Observe(step, Measured(step, 1, value))));
        Assert.Equal([1L, 3L], selection.Best.Select(model => model.Step));
        Assert.Equal(0.7, selection.Best[0].Validation.Value);
    }

    [Fact]
    public void Smaller_losses_are_better_unless_told_otherwise()
    {
        var less = Of("""{ "save_best": "loss" }""", "null");
        Assert.Equal([true, true, false], new[] { 3.0, 2, 2.5 }.Select((loss, step) => less.Observe(step, Measured(step, loss, 0))));
        var greater = Of("""{ "save_best": "loss", "rule": "greater" }""", "null");
        Assert.Equal([true, false, false], new[] { 3.0, 2, 2.5 }.Select((loss, step) => greater.Observe(step, Measured(step, loss, 0))));
    }

    [Fact]
    public void It_is_over_after_as_many_validations_without_enough_of_an_improvement_as_the_patience()
    {
        var selection = Of("{}", """{ "patience": 2, "min_delta": 0.1 }""");
        var over = new[] { 1.0, 0.95, 0.85, 0.8, double.NaN }.Select((loss, step) =>
        {
            Assert.False(selection.Observe(step, Measured(step, loss, 0)));
            return selection.IsOver;
        });
        Assert.Equal([false, false, false, false, true], over);
    }

    [Fact]
    public void It_goes_on_where_its_state_was_saved()
    {
        const string Early = """{ "patience": 3, "restore_best": true }""";
        var (whole, first, second) = (Of("{}", Early), Of("{}", Early), Of("{}", Early));
        double[] losses = [1, 0.9, 0.95, 0.96, 0.97];
        for (var step = 0; step < losses.Length; step++)
        {
            whole.Observe(step, Measured(step, losses[step], 0));
            if (step == 2)
            {
                second.Load(first.State);
            }

            (step < 2 ? first : second).Observe(step, Measured(step, losses[step], 0));
        }

        Assert.True(whole.IsOver && second.IsOver);
        Assert.Equal(1, Assert.Single(second.Best).Step);
    }

    [Theory]
    [InlineData("checkpoint/save_best", "\"bleu\"", "checkpoint.save_best is \"bleu\", which validation does not measure; it measures \"loss\" and \"token_accuracy\".")]
    [InlineData("early_stopping", """{ "monitor": "bleu" }""", "early_stopping.monitor is \"bleu\", which validation does not measure; it measures \"loss\" and \"token_accuracy\".")]
    [InlineData("early_stopping", """{ "patience": 0 }""", "early_stopping.patience is 0, but must be at least 1.")]
    [InlineData("ema", """{ "decay": 1 }""", "ema.decay is 1, but must be at least 0 and below 1.")]
    public void Mistakes_are_sentences(string path, string value, string expected)
    {
        var root = JsonNode.Parse(ConfigurationFolder.Valid)!;
        root["evaluation"] = JsonNode.Parse("""{ "metric": "token_accuracy" }""");
        var steps = path.Split('/');
        (steps.Length == 1 ? root : root[steps[0]]!)[steps[^1]] = JsonNode.Parse(value);
        Assert.Contains(_folder.Problems(root.ToJsonString()), problem => problem.EndsWith(expected, StringComparison.Ordinal));
    }

    private ModelSelection Of(string checkpoint, string early)
    {
        var root = JsonNode.Parse(ConfigurationFolder.Valid)!;
        root["checkpoint"] = JsonNode.Parse(checkpoint);
        root["early_stopping"] = JsonNode.Parse(early);
        return new ModelSelection(_folder.Load(root.ToJsonString()));
    }

    private static ValidationRecord Measured(long step, double loss, double accuracy) =>
        new() { Iteration = step, Epoch = 1, Loss = loss, Metric = "token_accuracy", Value = accuracy, Samples = 8 };
}
