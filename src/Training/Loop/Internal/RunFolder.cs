namespace OrtZero.Training.Internal;

/// <summary>The files of a run's work folder; only rank 0 writes.</summary>
internal sealed class RunFolder : IDisposable
{
    private readonly string _path;
    private readonly MetricsWriter? _metrics;

    private RunFolder(string path, MetricsWriter? metrics)
    {
        _path = path;
        _metrics = metrics;
    }

    internal string ModelPath => Path.Combine(_path, "model.onnx");

    /// <summary>Opens the folder.</summary>
    /// <param name="configuration">Where it is and what is logged.</param>
    /// <param name="rank">Only rank 0 opens files.</param>
    /// <param name="resumedIteration">Log lines after it are from a run that was cut off, and go. Null: the run is new.</param>
    internal static RunFolder Open(TrainingConfiguration configuration, int rank, long? resumedIteration)
    {
        if (rank != 0)
        {
            return new RunFolder(configuration.WorkDir, null);
        }

        try
        {
            Directory.CreateDirectory(configuration.WorkDir);
            return new RunFolder(configuration.WorkDir, new MetricsWriter(configuration.WorkDir, configuration.Log, resumedIteration));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(
                [$"{configuration.Path}: work_dir {configuration.WorkDir} cannot be written: {exception.Message}"]);
        }
    }

    internal void Write(MetricsRecord metrics) => _metrics?.Write(metrics);

    internal void Write(ValidationRecord validation) => _metrics?.Write(validation);

    internal void Write(RunSummary summary) => summary.Save(Path.Combine(_path, "summary.json"));

    public void Dispose() => _metrics?.Dispose();
}
