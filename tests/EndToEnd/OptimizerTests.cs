namespace OrtZero.EndToEnd;

/// <summary>Optimizers that need whole tensors, on ranks that hold pieces of them.</summary>
public sealed class OptimizerTests
{
    [Theory]
    [InlineData("""{ "type": "LAMB", "lr": 5e-3, "weight_decay": 0.05 }""")]
    [InlineData("""{ "type": "Muon", "lr": 2e-3, "weight_decay": 0.05 }""")]
    public void Two_ranks_train_the_same_weights_as_one_process(string optimizer)
    {
        using var alone = JobFor(optimizer).With("optim_wrapper.accumulative_counts", "2");
        using var together = JobFor(optimizer).With("zero_optimization.stage", "1");
        ProgramRun.Train(1, alone.Configuration);
        ProgramRun.Train(2, together.Configuration);

        var expected = alone.TrainedParameters();
        var trained = together.TrainedParameters();
        Assert.Equal(expected.Keys, trained.Keys);
        Assert.All(expected, pair => Assert.Equal(pair.Value, trained[pair.Key]));
        var losses = alone.Metrics.Select(line => line.GetProperty("loss").GetDouble()).ToList();
        Assert.True(losses[^1] < losses[0], $"The loss went from {losses[0]} to {losses[^1]}.");
        Assert.NotEqual(Job.ReadParameters(alone.PathOf("model.onnx")).Values.First(), expected.Values.First());
    }

    private static Job JobFor(string optimizer) => Job.GptNano()
        .With("micro_batch_size", "8")
        .With("randomness.deterministic", "true")
        .With("optim_wrapper.optimizer", optimizer);
}
