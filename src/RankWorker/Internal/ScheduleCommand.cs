using System.Globalization;
using System.Text;
using System.Text.Json;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker schedule CFG [--json | --png FILE]</c>: the rate of every group at every iteration, before training.</summary>
internal static class ScheduleCommand
{
    private const string Bars = "▁▂▃▄▅▆▇█";
    private const int Columns = 60;

    internal static int Run(RunArguments arguments, bool json, string? png, int worldSize) => Failures.Guard(arguments, () =>
    {
        if (worldSize < 1)
        {
            throw new ConfigurationException([$"--world-size is {worldSize}, but must be at least 1."]);
        }

        var configuration = TrainingConfiguration.Load(arguments.ConfigurationPath, arguments.Overrides);
        var preview = SchedulePreview.Create(configuration, PreparedModel.Load(configuration).Groups, worldSize);
        if (png is not null)
        {
            File.WriteAllBytes(png, ScheduleChart.Draw(preview).ToPng());
            Console.Out.WriteLine($"Wrote the schedule of {preview.Groups.Count} groups to {png}.");
        }

        if (json)
        {
            using var output = Console.OpenStandardOutput();
            WriteJson(preview, output);
        }
        else if (png is null)
        {
            WriteText(preview, worldSize);
        }

        WriteWarnings(preview, json ? Console.Error : Console.Out);
        return ExitCodes.Done;
    });

    internal static void WriteJson(SchedulePreview preview, Stream output)
    {
        using (var writer = new Utf8JsonWriter(output))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("groups");
            foreach (var name in preview.Groups)
            {
                writer.WriteStartObject();
                writer.WriteString("name", name);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            WriteCurves(writer, "lr", preview.LearningRates);
            WriteCurves(writer, "momentum", preview.Momenta);
            WriteCurves(writer, "weight_decay", preview.WeightDecays);
            writer.WriteEndObject();
        }

        output.WriteByte((byte)'\n');
    }

    private static void WriteCurves(Utf8JsonWriter writer, string name, double[][]? curves)
    {
        if (curves is null)
        {
            return;
        }

        writer.WriteStartArray(name);
        foreach (var values in curves)
        {
            writer.WriteStartArray();
            foreach (var value in values)
            {
                writer.WriteNumberValue(value);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndArray();
    }

    private static void WriteText(SchedulePreview preview, int worldSize)
    {
        var ranks = worldSize == 1 ? "1 rank" : $"{worldSize} ranks";
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{preview.LearningRates.Length:N0} iterations, {preview.IterationsPerEpoch:N0} per epoch on {ranks}"));
        var width = preview.Groups.Max(name => name.Length);
        foreach (var (title, curves) in Parameters(preview))
        {
            Console.Out.WriteLine($"\n{title}");
            for (var group = 0; group < preview.Groups.Count; group++)
            {
                var values = Array.ConvertAll(curves, row => row[group]);
                var peak = Array.IndexOf(values, values.Max());
                Console.Out.WriteLine(
                    $"  {preview.Groups[group].PadRight(width)}  {Sparkline(values)}  first {Text(values[0])}, highest {Text(values[peak])} at {peak}, last {Text(values[^1])}");
            }
        }
    }

    /// <summary>The parameters with a curve, the rate always and others where something changes them.</summary>
    internal static IEnumerable<(string Title, double[][] Curves)> Parameters(SchedulePreview preview)
    {
        yield return ("learning rate", preview.LearningRates);
        if (preview.Momenta is not null)
        {
            yield return ("momentum", preview.Momenta);
        }

        if (preview.WeightDecays is not null)
        {
            yield return ("weight decay", preview.WeightDecays);
        }
    }

    /// <summary>A curve in block characters, each a stretch of iterations, scaled to the curve's own highest value.</summary>
    internal static string Sparkline(double[] values)
    {
        var highest = values.Max();
        var columns = Math.Min(Columns, values.Length);
        var line = new StringBuilder(columns);
        for (var column = 0; column < columns; column++)
        {
            var value = values[(int)((column + 0.5) * values.Length / columns)];
            line.Append(Bars[highest > 0 ? (int)Math.Round(value / highest * (Bars.Length - 1)) : 0]);
        }

        return line.ToString();
    }

    internal static string Text(double value) => value.ToString(value is >= 0.01 and < 1000 ? "0.####" : "0.###e+0", CultureInfo.InvariantCulture);

    private static void WriteWarnings(SchedulePreview preview, TextWriter output)
    {
        foreach (var sentence in preview.Warnings)
        {
            output.WriteLine($"warning: {sentence}");
        }

        if (preview.Corrections.Count == 0)
        {
            return;
        }

        output.WriteLine("Probably meant:\n  \"param_scheduler\": [");
        for (var index = 0; index < preview.Entries.Count; index++)
        {
            var entry = preview.Corrections.GetValueOrDefault(index, preview.Entries[index]);
            output.WriteLine($"    {entry.ToJson()}{(index < preview.Entries.Count - 1 ? "," : " ]")}");
        }
    }
}
