using System.Diagnostics;
using System.Globalization;
using System.Text;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>
/// Shows rank 0's progress: one line that is redrawn where a person watches, else a line per log interval.
/// </summary>
internal sealed class ProgressDisplay(TextWriter output, bool redraws) : IRunObserver
{
    // The log writes here too, and the coordinator's client logs from a thread of its own.
    private readonly Lock _gate = new();
    private RunDescription? _run;
    private long _clock;
    private bool _lineIsOpen;

    public void Started(RunDescription run)
    {
        _run = run;
        _clock = Stopwatch.GetTimestamp();
        WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Path.GetFileName(run.ModelPath)}: {run.TrainableElements:N0} trainable parameters in {run.Groups.Count} groups, ZeRO stage {run.ZeroStage}, {run.WorldSize} rank{(run.WorldSize == 1 ? "" : "s")}, {run.TotalIterations - run.FirstIteration:N0} iterations"));
    }

    public void PhaseBegan(PhaseDescription phase) => WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"phase {phase.Number} of {phase.Count}, until iteration {phase.EndIteration}: {phase.Parameters.Count} parameters are trained{(phase.LrMult == 1 ? "" : $", rates x {phase.LrMult:0.####}")}"));

    public StepDirective Report(MetricsRecord metrics)
    {
        var line = Describe(metrics);
        if (!redraws)
        {
            WriteLine(line);
            return StepDirective.Run;
        }

        // Carriage return, the line cut to the width so that it never wraps, clear to the end of the line.
        lock (_gate)
        {
            output.Write($"\r{(line.Length < Terminal.Width ? line : line[..(Terminal.Width - 1)])}\u001b[K");
            output.Flush();
            _lineIsOpen = true;
        }

        return StepDirective.Run;
    }

    public void Validated(ValidationRecord validation)
    {
        var text = new StringBuilder().Append(
            CultureInfo.InvariantCulture, $"validation after iteration {validation.Iteration}: loss {validation.Loss:0.0000}");
        if (validation.Metric is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $", {validation.Metric} {validation.Value:0.0000}");
        }

        WriteLine(text.Append(CultureInfo.InvariantCulture, $" ({validation.Samples} samples)").ToString());
    }

    public void Finished(RunSummary summary) => CloseLine();

    /// <summary>Writes a whole line; a line being redrawn stays above it.</summary>
    internal void WriteLine(string line)
    {
        lock (_gate)
        {
            CloseLine();
            output.WriteLine(line);
            output.Flush();
        }
    }

    private string Describe(MetricsRecord metrics)
    {
        var done = metrics.Iteration - _run!.FirstIteration;
        var left = Stopwatch.GetElapsedTime(_clock) * ((_run.TotalIterations - metrics.Iteration) / (double)Math.Max(1, done));
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"epoch {metrics.Epoch + 1} iter {metrics.Iteration}/{_run.TotalIterations} loss {metrics.Loss:0.0000}");
        // Neither a norm nor rates are known before the first update, which accumulation may put after the first line.
        if (metrics.GradientNorm is { } norm)
        {
            text.Append(CultureInfo.InvariantCulture, $" grad_norm {norm:0.000}");
        }

        text.Append(
            CultureInfo.InvariantCulture,
            $" {metrics.SamplesPerSecond:0} samples/s {metrics.PeakRssBytes >> 20} MiB {(int)left.TotalHours:00}:{left:mm\\:ss} left");
        text.Append(metrics.Groups.Count > 0 ? " lr" : "");
        // Groups that differ only in weight decay share a rate: it is shown once, under their common first name.
        foreach (var group in metrics.Groups.DistinctBy(group => (Module(group), group.LearningRate)))
        {
            text.Append(CultureInfo.InvariantCulture, $" {Module(group)} {group.LearningRate:0.00e+0}");
        }

        return text.ToString();

        static string Module(GroupMetrics group) => group.Name.Split('/')[0];
    }

    private void CloseLine()
    {
        lock (_gate)
        {
            if (_lineIsOpen)
            {
                output.WriteLine();
                _lineIsOpen = false;
            }
        }
    }
}
