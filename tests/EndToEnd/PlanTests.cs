using System.Text.Json;

namespace OrtZero.EndToEnd;

/// <summary><c>rankworker plan</c>: memory and traffic at every stage, without training.</summary>
public sealed class PlanTests
{
    [Fact]
    public void Plan_counts_parameters_and_says_what_fits()
    {
        using var job = Job.Vlm();
        var plan = Plan(job, "--world-size", "2", "--memory", "3MB");

        var shapes = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("vlm", "params.json"))).RootElement;
        var elements = shapes.EnumerateObject().Sum(parameter => parameter.Value.EnumerateArray().Aggregate(1L, (count, length) => count * length.GetInt64()));
        Assert.Equal(elements, plan.GetProperty("parameters").GetProperty("trainable_elements").GetInt64());
        Assert.Equal(elements, plan.GetProperty("groups").EnumerateArray().Sum(group => group.GetProperty("elements").GetInt64()));
        var stages = plan.GetProperty("stages").EnumerateArray().ToList();
        Assert.Equal([0, 1, 2, 3], stages.Select(stage => stage.GetProperty("stage").GetInt32()));
        Assert.All(stages, stage => Assert.Equal(
            stage.GetProperty("total_bytes").GetInt64() <= 3_000_000, stage.GetProperty("fits").GetBoolean()));
        Assert.True(Bytes(stages[1], "optimizer_bytes") < 0.51 * Bytes(stages[0], "optimizer_bytes"));
        Assert.True(Bytes(stages[2], "gradient_bytes") < 0.51 * Bytes(stages[1], "gradient_bytes"));
    }

    [Fact]
    public void What_is_frozen_is_counted_apart()
    {
        using var job = Job.Vlm().With("model.lora", """{ "r": 4 }""");
        var parameters = Plan(job, "--world-size", "2").GetProperty("parameters");
        var frozen = parameters.GetProperty("elements").GetInt64() - parameters.GetProperty("trainable_elements").GetInt64();

        Assert.Equal(314_656, frozen);
        Assert.Equal(frozen * sizeof(float), parameters.GetProperty("frozen_bytes").GetInt64());
        Assert.Contains(
            "the process itself and 1,258,624 bytes of frozen parameters come on top.",
            ProgramRun.Train(1, "plan", job.Configuration, "--world-size", "2").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_average_counts_with_what_a_rank_keeps_of_it()
    {
        using var job = Job.Vlm();
        var without = Plan(job, "--world-size", "4").GetProperty("stages").EnumerateArray().ToList();
        var with = Plan(job, "--world-size", "4", "--set", "ema={}").GetProperty("stages").EnumerateArray().ToList();

        foreach (var (first, second) in without.Zip(with))
        {
            Assert.Equal(0, first.GetProperty("average_bytes").GetInt64());
            // Padding differs among stages.
            Assert.InRange(4.0 * Bytes(second, "average_bytes") / Bytes(without[0], "parameter_bytes"), 0.95, 1.05);
            Assert.Equal(Bytes(second, "average_bytes"), Bytes(second, "total_bytes") - Bytes(first, "total_bytes"));
        }
    }

    [Theory]
    [InlineData(1, 0, false)]
    [InlineData(2, 2, true)]
    [InlineData(4, 1, false)]
    [InlineData(4, 3, false)]
    [InlineData(8, 3, true)]
    public void A_run_takes_what_was_planned(int ranks, int stage, bool deterministic)
    {
        using var job = Job.Vlm()
            .With("micro_batch_size", "1")
            .With("optim_wrapper.accumulative_counts", "2")
            .With("zero_optimization", $$"""{ "stage": {{stage}}, "reduce_bucket_size": 20000, "stage3_param_persistence_threshold": 1000 }""")
            .With("randomness.deterministic", deterministic ? "true" : "false")
            .With("checkpoint", """{ "interval": 2 }""")
            .With("ema", "{}")
            .With("log.watch_distance", "true")
            .With("coordinator.address", "\"none\"");
        var planned = Plan(job, "--world-size", $"{ranks}").GetProperty("stages")[stage];
        ProgramRun.Train(ranks, job.Configuration, "--max-iters", "4");
        var used = job.Summary.GetProperty("memory");

        string[] kinds = ["parameter_bytes", "gradient_bytes", "optimizer_bytes", "average_bytes", "start_bytes", "gathered_bytes", "checkpoint_bytes"];
        Assert.Equal(kinds.Select(kind => (kind, Bytes(planned, kind))), kinds.Select(kind => (kind, Bytes(used, kind))));
        var state = kinds[..5].Sum(kind => Bytes(used, kind));
        Assert.Equal(state, Bytes(job.Metrics[^1], "model_state_bytes"));
        Assert.Equal(stage == 3, Bytes(used, "gathered_bytes") > 0);
        // The allocator counts micro-batches, too, which are small here.
        var buffers = state + Bytes(used, "checkpoint_bytes") + Bytes(used, "buffer_bytes");
        Assert.InRange(Bytes(used, "allocated_bytes"), buffers, 1.05 * buffers);
        Assert.True(Bytes(used, "peak_rss_bytes") > Bytes(used, "allocated_bytes"));
    }

    [Fact]
    public void Any_number_of_ranks_can_be_asked_for()
    {
        using var job = Job.Vlm();
        Assert.Equal(65_536, Plan(job, "--world-size", "65536").GetProperty("world_size").GetInt32());
    }

    [Theory]
    [InlineData("0", "1GB", "--world-size is 0, but must be at least 1 and at most 65536.")]
    [InlineData("65537", "1GB", "--world-size is 65537, but must be at least 1 and at most 65536.")]
    [InlineData("2", "lots", "--memory is 'lots', but must be a number of bytes such as 16e9, 16GB or 16GiB.")]
    public void Mistakes_are_told_in_one_sentence(string worldSize, string memory, string sentence)
    {
        using var job = Job.Vlm();
        using var run = ProgramRun.RankWorker(1, ["plan", job.Configuration, "--world-size", worldSize, "--memory", memory]);

        run.Expect(2);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
    }

    private static JsonElement Plan(Job job, params string[] arguments) =>
        JsonDocument.Parse(ProgramRun.Train(1, ["plan", job.Configuration, "--json", .. arguments]).Output).RootElement;

    private static long Bytes(JsonElement stage, string name) => stage.GetProperty(name).GetInt64();
}
