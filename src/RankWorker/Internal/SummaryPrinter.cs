using System.Globalization;
using System.Text.Json;
using OrtZero.Training;
using Spectre.Console;

namespace OrtZero.RankWorker.Internal;

/// <summary>The table a run ends with, and the sample below it.</summary>
internal static class SummaryPrinter
{
    internal static void Print(ProgressDisplay display, RunSummary summary, SamplePrediction? sample)
    {
        foreach (var line in Render(summary).Split('\n'))
        {
            display.WriteLine(line.TrimEnd());
        }

        if (sample is null)
        {
            return;
        }

        foreach (var line in sample.Picture)
        {
            display.WriteLine($"  {line}");
        }

        display.WriteLine($"  the model writes \"{sample.Predicted}\" (expected: \"{sample.Expected}\")");
    }

    private static string Render(RunSummary summary)
    {
        var writer = new StringWriter(CultureInfo.InvariantCulture);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = 160;
        var outcome = JsonNamingPolicy.CamelCase.ConvertName(summary.Outcome.ToString());
        var table = new Table().Border(TableBorder.Simple).AddColumn("run").AddColumn(outcome);
        Row(table, "iterations", $"{summary.Iterations:N0} ({summary.Updates:N0} updates, {summary.SkippedUpdates} skipped) on {summary.WorldSize} rank{(summary.WorldSize == 1 ? "" : "s")}");
        if (summary.StoppedEarly)
        {
            Row(table, "stopped early", $"validation got no better");
        }

        if (summary.Best is { } best)
        {
            Row(table, "best", $"{best.Metric} {best.Value:0.0000} after iteration {best.Step:N0}");
        }

        Row(table, "training loss", $"{summary.Loss:0.0000}");
        if (summary.Validation is { } validation)
        {
            Row(table, "validation loss", $"{validation.Loss:0.0000} on {validation.Samples:N0} samples");
            if (validation.Metric is not null)
            {
                Row(table, validation.Metric.Replace('_', ' '), $"{validation.Value:0.0000}");
            }
        }

        Row(table, "throughput", $"{summary.SamplesPerSecond:N0} samples/s");
        Row(table, "time", $"{summary.TrainingSeconds:0.0} s training, {summary.TotalSeconds:0.0} s in all");
        Row(table, "peak memory", $"{summary.PeakRssBytes >> 20} MiB per rank");
        Row(table, "trained model", $"{summary.ModelPath}");
        Row(table, "checkpoint", $"{summary.CheckpointPath}");
        console.Write(table);
        return writer.ToString().TrimEnd();
    }

    private static void Row(Table table, string title, FormattableString value)
    {
        var text = value.ToString(CultureInfo.InvariantCulture);
        if (text.Length > 0)
        {
            table.AddRow(Markup.Escape(title), Markup.Escape(text));
        }
    }
}
