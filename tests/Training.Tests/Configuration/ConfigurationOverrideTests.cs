namespace OrtZero.Training.Tests;

public sealed class ConfigurationOverrideTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Values_are_read_as_json_and_else_as_strings()
    {
        var configuration = _folder.Load(
            ConfigurationFolder.Valid,
            "optim_wrapper.optimizer.lr=3e-3",
            "data.train.shuffle=false",
            "model.frozen=[\"a\", \"b\"]",
            "work_dir=elsewhere",
            "log.interval = 5");

        Assert.Equal(3e-3, configuration.OptimWrapper.Optimizer.Lr);
        Assert.False(configuration.Data.Train.Shuffle);
        Assert.Equal(["a", "b"], configuration.Model.Frozen);
        Assert.Equal(Path.Combine(_folder.Folder, "elsewhere"), configuration.WorkDir);
        Assert.Equal(5, configuration.Log.Interval);
    }

    [Fact]
    public void Sections_that_the_file_lacks_are_added_and_null_removes()
    {
        var configuration = _folder.Load(
            ConfigurationFolder.Valid, "evaluation.metric=sequence_accuracy", "optim_wrapper.clip_grad=null", "data.val=null");

        Assert.Equal(EvaluationMetric.SequenceAccuracy, configuration.Evaluation.Metric);
        Assert.Null(configuration.OptimWrapper.ClipGrad);
        Assert.Null(configuration.Data.Val);
    }

    [Fact]
    public void List_items_are_named_by_position_and_keys_with_dots_are_quoted()
    {
        var configuration = _folder.Load(
            ConfigurationFolder.Valid,
            "optim_wrapper.optimizer.betas.1=0.99",
            "optim_wrapper.paramwise_cfg.custom_keys.\"encoder.\".lr_mult=0.25");

        Assert.Equal(new Betas(0.9, 0.99), configuration.OptimWrapper.Optimizer.Betas);
        Assert.Equal(0.25, configuration.OptimWrapper.ParamwiseCfg!.CustomKeys["encoder."].LrMult);
    }

    [Theory]
    [InlineData("")]
    [InlineData("=5")]
    [InlineData("a")]
    [InlineData("a.b")]
    [InlineData("a..b=5")]
    [InlineData(".a=5")]
    [InlineData("a.=5")]
    [InlineData("a.\"b=5")]
    [InlineData("a.\"\"=5")]
    [InlineData("a.\"b\"c=5")]
    public void A_malformed_override_is_shown_with_an_example(string text)
    {
        var problem = Assert.Single(_folder.Problems(ConfigurationFolder.Valid, text));

        Assert.StartsWith($"--set {text}: ", problem, StringComparison.Ordinal);
        Assert.Contains("--set optim_wrapper.optimizer.lr=1e-4", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("optim_wrapper.optimizer.lrr=1", "optim_wrapper.optimizer.lrr is not a known key; did you mean \"lr\"?")]
    [InlineData("micro_batch_size=eight", "micro_batch_size is the string \"eight\", but must be a whole number.")]
    [InlineData("micro_batch_size.x=1", "micro_batch_size.x cannot be set, since micro_batch_size is 8; set micro_batch_size as a whole.")]
    [InlineData("model.frozen.1=x", "model.frozen.1 does not exist; model.frozen is a list whose items are 0 to 0.")]
    [InlineData("optim_wrapper.optimizer.lr=NaN", "optim_wrapper.optimizer.lr is the string \"NaN\", but must be a number.")]
    [InlineData("optim_wrapper.optimizer.lr=1e999", "optim_wrapper.optimizer.lr is 1e999, which is more than a 64-bit floating-point number can hold.")]
    public void A_mistake_in_an_override_is_reported_at_the_option(string text, string sentence)
    {
        Assert.Equal([$"--set {text}: {sentence}"], _folder.Problems(ConfigurationFolder.Valid, text));
    }
}
