using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

public sealed class SchedulerConfigurationTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void MMEngines_keys_are_read_from_cfg_json()
    {
        var options = Load("""
            [ { "type": "LinearLR", "start_factor": 1e-5, "by_epoch": true, "begin": 0, "end": 0.09, "convert_to_iter_based": true },
              { "type": "CosineAnnealingLR", "eta_min": 0.0, "T_max": 3, "begin": 0.09, "end": 3, "convert_to_iter_based": true },
              { "type": "MultiStepLR", "milestones": [1, 2], "gamma": 0.5 },
              { "type": "OneCycleLR", "eta_max": 0.1, "anneal_strategy": "linear", "three_phase": true },
              { "type": "ReduceOnPlateauLR", "monitor": "accuracy", "rule": "greater", "threshold_rule": "abs" } ]
            """);
        Assert.Equal(new SchedulerOptions { Type = SchedulerKind.LinearLR, StartFactor = 1e-5, End = 0.09, ConvertToIterBased = true }, options[0]);
        Assert.Equal(
            new SchedulerOptions { Type = SchedulerKind.CosineAnnealingLR, EtaMin = 0, TMax = 3, Begin = 0.09, End = 3, ConvertToIterBased = true },
            options[1]);
        Assert.Equal([1, 2], options[2].Milestones);
        Assert.Equal((AnnealStrategy.Linear, true), (options[3].AnnealStrategy, options[3].ThreePhase));
        Assert.Equal((PlateauRule.Greater, ThresholdRule.Absolute), (options[4].Rule, options[4].ThresholdRule));
    }

    [Theory]
    [InlineData("""[ { "type": "CosineLR" } ]""", "CosineAnnealingLR")]
    [InlineData("""[ { "type": "CosineAnnealingLR", "t_max": 3 } ]""", "T_max")]
    [InlineData("""[ { "end": 3 } ]""", "param_scheduler.0.type")]
    [InlineData("""[ { "type": "LinearLR", "start_factor": 2 } ]""", "at least 0 and at most 1")]
    public void Mistakes_are_explained(string json, string part) => Assert.Contains(
        part, Assert.Single(_folder.ProblemsWith("param_scheduler", JsonNode.Parse(json))), StringComparison.Ordinal);

    private IReadOnlyList<SchedulerOptions> Load(string json) =>
        _folder.LoadWith("param_scheduler", JsonNode.Parse(json)).ParamScheduler;
}
