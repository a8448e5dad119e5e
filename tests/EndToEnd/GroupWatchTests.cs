using System.Text.Json;

namespace OrtZero.EndToEnd;

/// <summary>What metrics.jsonl tells of groups.</summary>
public sealed class GroupWatchTests
{
    private static readonly string[] s_keys = ["group_grad_norm", "group_param_norm", "group_update_ratio", "group_zero_share", "group_distance"];

    [Fact]
    public void Groups_are_measured_alike_on_any_ranks_and_stage_and_a_good_run_gives_no_warning()
    {
        var alone = Train(ranks: 1, stage: 0);
        Assert.Equal(3, alone.Count);
        Assert.All((int[])[2, 4], ranks => Assert.All(ranks == 2 ? (int[])[0, 3] : [1, 2], stage => Assert.Equal(alone, Train(ranks, stage))));
    }

    [Fact]
    public void Debug_names_the_operator_behind_a_loss_that_is_not_finite()
    {
        using var job = Job.Vlm().With("optim_wrapper", """{ "optimizer": { "type": "SGD", "lr": 1e12 } }""").With("train_cfg", """{ "max_iters": 4 }""");
        Assert.Contains("run again with --debug", ProgramRun.Train(1, job.Configuration).Output, StringComparison.Ordinal);
        var output = ProgramRun.Train(1, job.Configuration, "--debug").Output;

        Assert.Contains("The first node that makes it so is '", output, StringComparison.Ordinal);
        Assert.Contains("Hint: ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("run again with --debug, in one process", output, StringComparison.Ordinal);
    }

    private static List<string> Train(int ranks, int stage)
    {
        var microBatches = 4 / ranks;
        using var job = Job.Vlm()
            .With("randomness", """{ "deterministic": true }""")
            .With("train_cfg", $$"""{ "max_iters": {{3 * microBatches}} }""")
            .With("optim_wrapper.accumulative_counts", $"{microBatches}")
            .With("log", $$"""{ "interval": {{microBatches}}, "watch_distance": true }""")
            .With("zero_optimization", $$"""{ "stage": {{stage}} }""");
        var run = ProgramRun.Train(ranks, job.Configuration);
        Assert.DoesNotContain("warning", run.Output, StringComparison.Ordinal);
        return [.. job.Metrics.Select(line => string.Join(' ', s_keys.Select(key => Text(line, key))))];
    }

    // As it is written, with every digit.
    private static string Text(JsonElement line, string key)
    {
        Assert.Equal(["visual_encoder", "visual_encoder/no_decay", "default", "default/no_decay"], line.GetProperty(key).EnumerateObject().Select(group => group.Name), StringComparer.Ordinal);
        Assert.All(line.GetProperty(key).EnumerateObject(), group => Assert.InRange(group.Value.GetDouble(), 0, 1000));
        return line.GetProperty(key).GetRawText();
    }
}
