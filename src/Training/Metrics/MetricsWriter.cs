using System.Text.Json;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// Writes what a run measures into its folder, each record flushed at once: metrics.jsonl (one line per log interval),
/// validation.jsonl (one line per validation) and, if wanted, tensorboard/. Numbers that are not finite are written as the
/// strings "NaN", "Infinity" and "-Infinity". Only rank 0 has a writer.
/// </summary>
/// <remarks>
/// The keys of metrics.jsonl: iter, epoch, loss, grad_norm, lr and weight_decay (objects by group name), loss_scale,
/// samples_per_second, peak_rss_bytes, model_state_bytes, skipped_updates, and, where groups are watched, group_grad_norm, group_param_norm,
/// group_update_ratio, group_zero_share and group_distance (objects by group name too). Those of validation.jsonl: iter, epoch, loss, metric, value, samples.
/// </remarks>
public sealed class MetricsWriter : IDisposable
{
    private readonly JsonLinesFile? _metrics;
    private readonly JsonLinesFile? _validation;
    private readonly TensorBoardWriter? _tensorBoard;

    /// <summary>Opens the files.</summary>
    /// <param name="workDir">The run's folder; made if it is not there.</param>
    /// <param name="log">Which files are wanted.</param>
    /// <param name="resumedIteration">
    /// The iteration of the checkpoint that the run goes on from: earlier lines are kept. Null: the run is new and the files begin
    /// anew.
    /// </param>
    /// <param name="time">The clock of TensorBoard's events. Null: the system's.</param>
    public MetricsWriter(string workDir, LogSection log, long? resumedIteration = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(workDir);
        ArgumentNullException.ThrowIfNull(log);
        if (log.Jsonl)
        {
            _metrics = new JsonLinesFile(Path.Combine(workDir, "metrics.jsonl"), resumedIteration);
            _validation = new JsonLinesFile(Path.Combine(workDir, "validation.jsonl"), resumedIteration);
        }

        _tensorBoard = log.Tensorboard ? new TensorBoardWriter(Path.Combine(workDir, "tensorboard"), time) : null;
    }

    /// <summary>Adds what a log interval measured.</summary>
    public void Write(MetricsRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        _metrics?.Write(MetricsLine.Of(record));
        _tensorBoard?.Write(record.Iteration, Scalars(record));
    }

    /// <summary>Adds what a validation measured.</summary>
    public void Write(ValidationRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        _validation?.Write(record);
        List<(string, double)> scalars = [("val/loss", record.Loss)];
        if (record is { Metric: { } metric, Value: { } value })
        {
            scalars.Add(($"val/{metric}", value));
        }

        _tensorBoard?.Write(record.Iteration, scalars);
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        _metrics?.Dispose();
        _validation?.Dispose();
        _tensorBoard?.Dispose();
    }

    /// <summary>Reads the records of a metrics.jsonl.</summary>
    /// <exception cref="InvalidDataException">A line is not a record; the message names it.</exception>
    public static IEnumerable<MetricsRecord> Read(string path) => ReadLines<MetricsLine>(path).Select(line => line.ToRecord());

    /// <summary>Reads the records of a validation.jsonl.</summary>
    /// <exception cref="InvalidDataException">A line is not a record; the message names it.</exception>
    public static IEnumerable<ValidationRecord> ReadValidations(string path) => ReadLines<ValidationRecord>(path);

    private static IEnumerable<T> ReadLines<T>(string path)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            T? record;
            try
            {
                record = JsonSerializer.Deserialize<T>(line, MetricsJson.Line);
            }
            catch (JsonException exception)
            {
                throw new InvalidDataException($"{path} line {number} is not a record of a run: {exception.Message}", exception);
            }

            yield return record ?? throw new InvalidDataException($"{path} line {number} is not a record of a run: it holds null.");
        }
    }

    private static List<(string Tag, double Value)> Scalars(MetricsRecord record)
    {
        List<(string, double)> scalars = [("train/loss", record.Loss)];
        if (record.GradientNorm is { } norm)
        {
            scalars.Add(("train/grad_norm", norm));
        }

        if (record.LossScale is { } scale)
        {
            scalars.Add(("train/loss_scale", scale));
        }

        scalars.AddRange(record.Groups.Select(group => ($"lr/{group.Name}", group.LearningRate)));
        scalars.AddRange(record.Groups.Select(group => ($"weight_decay/{group.Name}", group.WeightDecay)));
        foreach (var group in record.Groups)
        {
            Add("grad_norm", group.Vitals?.GradientNorm);
            Add("param_norm", group.Vitals?.ParameterNorm);
            Add("update_ratio", group.Vitals?.UpdateRatio);
            Add("zero_share", group.Vitals?.ZeroShare);
            Add("distance", group.Distance);

            void Add(string tag, double? value)
            {
                if (value is { } number)
                {
                    scalars.Add(($"{tag}/{group.Name}", number));
                }
            }
        }

        scalars.Add(("performance/samples_per_second", record.SamplesPerSecond));
        scalars.Add(("performance/peak_rss_bytes", record.PeakRssBytes));
        return scalars;
    }
}
