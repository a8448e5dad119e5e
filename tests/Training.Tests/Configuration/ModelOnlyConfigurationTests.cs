namespace OrtZero.Training.Tests;

/// <summary>Commands that look at the model only do not ask for data that is not needed.</summary>
public sealed class ModelOnlyConfigurationTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sections_about_data_loss_and_loop_may_be_missing()
    {
        File.WriteAllText(_folder.FilePath, """
            { "model": { "path": "model.onnx" }, "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-4 } } }
            """);

        var configuration = TrainingConfiguration.LoadForModel(_folder.FilePath);

        Assert.Equal(1e-4, configuration.OptimWrapper.Optimizer.Lr);
        Assert.Throws<ConfigurationException>(() => TrainingConfiguration.Load(_folder.FilePath));
    }

    [Fact]
    public void Missing_data_files_are_passed_over()
    {
        File.WriteAllText(_folder.FilePath, ConfigurationFolder.Valid);
        File.Delete(Path.Combine(_folder.Folder, "image.npy"));

        Assert.Equal(8, TrainingConfiguration.LoadForModel(_folder.FilePath).MicroBatchSize);
    }

    [Fact]
    public void Mistakes_of_the_optimizer_still_count()
    {
        File.WriteAllText(_folder.FilePath, """
            { "model": { "path": "model.onnx" }, "optim_wrapper": { "optimizer": { "type": "AdamW", "lrr": 1e-4 } } }
            """);

        var mistakes = Assert.Throws<ConfigurationException>(() => TrainingConfiguration.LoadForModel(_folder.FilePath));

        Assert.Contains("lrr", mistakes.Message, StringComparison.Ordinal);
    }
}
