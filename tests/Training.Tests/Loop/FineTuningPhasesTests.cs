using System.Text.Json.Nodes;
using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

public sealed class FineTuningPhasesTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    private static readonly ParameterGroupTable s_groups = ParameterGroupTable.Resolve(
        [.. new[] { "vision.weight", "vision.bias", "projector.weight", "language.weight" }
            .Select(name => new ParameterDescription(name, [2, 2], ParameterKind.Linear))],
        new OptimizerSettings(),
        new ParamwiseRules { CustomKeys = new Dictionary<string, CustomKeyRule> { ["vision."] = new() { LrMult = 0.1 } } },
        []);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_phases_all_is_trained_at_its_own_rate()
    {
        var phases = Of("[]");
        Assert.Equal(0, phases.IndexAt(1_000_000));
        Assert.Equal(4, phases.Trained(0).Count);
        Assert.Equal(1, phases.RateFactor(0, 0));
    }

    [Fact]
    public void First_the_projector_then_all_but_one_then_all()
    {
        var phases = Of("""[{ "until_epoch": 0.5, "trained": ["projector."], "lr_mult": 2 }, { "until_iter": 80, "frozen": ["regex:^vision\\.w"] }]""");
        Assert.Equal([0, 0, 1, 1, 2, 2], new long[] { 0, 49, 50, 79, 80, 299 }.Select(phases.IndexAt));
        Assert.Equal(["projector.weight"], phases.Trained(0));
        Assert.Equal(["vision.bias", "projector.weight", "language.weight"], phases.Trained(1));
        Assert.Equal(4, phases.Trained(2).Count);
        var (vision, other) = (s_groups.GroupOf("vision.weight"), s_groups.GroupOf("language.weight"));
        Assert.Equal((0.0, 2.0), (phases.RateFactor(0, vision), phases.RateFactor(0, other)));
        Assert.Equal((1.0, 1.0), (phases.RateFactor(1, vision), phases.RateFactor(1, other)));
        Assert.Equal((80, 3), ((int)phases.Describe(1, 300).EndIteration, phases.Describe(1, 300).Count));
    }

    [Fact]
    public void The_last_phase_may_last_to_the_end()
    {
        var phases = Of("""[{ "until_epoch": 1, "frozen": ["vision."] }, { "lr_mult": 0.1 }]""");
        Assert.Equal(2, phases.Count);
        Assert.Equal(1, phases.IndexAt(299));
    }

    [Fact]
    public void A_phase_that_is_never_reached_is_warned_of() =>
        Assert.Equal(
            "phases.1 begins at iteration 300, but the run has 300: it is never reached.",
            Assert.Single(Of("""[{ "until_epoch": 3 }, { "until_epoch": 4, "frozen": ["vision."] }]""").Warnings));

    [Theory]
    [InlineData("""[{ "until_iter": 50 }, { "until_epoch": 0.5 }]""", "phases.1 ends at iteration 50, but begins at 50 (100 iterations per epoch): give it a later end.")]
    [InlineData("""[{ "trained": ["vision."], "frozen": ["*.weight", "*.bias"] }]""", "phases.0 trains no parameter: remove a pattern from its frozen list.")]
    [InlineData("""[{ "frozen": ["visoin."] }]""", "The pattern 'visoin.' in phases.0.frozen matches no parameter. Did you mean 'vision'")]
    [InlineData("""[{ "trained": ["regex:("] }]""", "The pattern 'regex:(' in phases.0.trained is not a regular expression")]
    public void Mistakes_that_need_the_model_are_sentences(string json, string expected) =>
        Assert.Contains(expected, Assert.ThrowsAny<Exception>(() => Of(json)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""[{ "lr_mult": 2 }, {}]""", "phases.0 does not end, but another phase follows; add \"until_epoch\": 1 or \"until_iter\": 1000.")]
    [InlineData("""[{ "until_iter": 5, "until_epoch": 1 }]""", "phases.0 has both until_epoch and until_iter; remove one of them.")]
    [InlineData("""[{ "trained": [] }]""", "phases.0.trained is an empty list, so the phase would train nothing; remove it to train all.")]
    [InlineData("""[{ "frozen": [""] }]""", "phases.0.frozen.0 is empty, which would match every parameter; remove it.")]
    public void Mistakes_of_the_file_are_sentences_with_their_line(string json, string expected) =>
        Assert.Contains(_folder.ProblemsWith("phases", JsonNode.Parse(json)), problem => problem.EndsWith(expected, StringComparison.Ordinal));

    private FineTuningPhases Of(string json) =>
        FineTuningPhases.Of(_folder.LoadWith("phases", JsonNode.Parse(json)), s_groups, iterationsPerEpoch: 100, totalIterations: 300);
}
