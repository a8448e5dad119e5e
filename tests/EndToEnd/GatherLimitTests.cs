namespace OrtZero.EndToEnd;

/// <summary>Limits to what ranks gather at a time leave the trained model as it is.</summary>
public sealed class GatherLimitTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Limits_to_gathering_leave_the_same_model(int stage)
    {
        using var free = Trained(stage);
        using var limited = Trained(stage, ("zero_optimization.allgather_bucket_size", "3001"), ("zero_optimization.stage3_max_live_parameters", "30000"));

        Assert.Equal(File.ReadAllBytes(free.TrainedModel), File.ReadAllBytes(limited.TrainedModel));
    }

    private static Job Trained(int stage, params (string Key, string Value)[] settings)
    {
        var job = Job.Vlm().With("randomness.deterministic", "true").With("zero_optimization.stage", $"{stage}")
            .With("zero_optimization.stage3_param_persistence_threshold", "5000").With("zero_optimization.stage3_max_reuse_distance", "1000000");
        foreach (var (key, value) in settings)
        {
            job = job.With(key, value);
        }

        ProgramRun.Train(2, job.Configuration, "--max-iters", "4");
        return job;
    }
}
