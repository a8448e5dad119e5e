using System.CommandLine;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker curves WORK_DIR… --png FILE</c>: what runs measured of each group, as a picture.</summary>
internal static class CurvesCommand
{
    private const int MostRuns = 4;

    private static readonly string[] s_usual = ["loss", "lr", "group_grad_norm", "group_update_ratio", "group_distance"];

    internal static Command Create()
    {
        var command = new Command("curves", "Draws loss, rates, gradient norms and updates of each group from the metrics.jsonl of one run or several.");
        var folders = new Argument<string[]>("WORK_DIR") { Description = "The work folders of the runs, side by side in the picture.", Arity = ArgumentArity.OneOrMore };
        var picture = new Option<FileInfo>("--png") { Description = "The file to write.", Required = true };
        var keys = new Option<string[]>("--key") { Description = $"What to draw, several times for several: {string.Join(", ", RunChart.Keys)}. Default: the most telling of what was measured." };
        var groups = new Option<string[]>("--group") { Description = "A group to draw, several times for several. Default: all." };
        var verbose = new Option<bool>("--verbose") { Description = "Adds the stack to errors." };
        command.Arguments.Add(folders);
        command.Options.Add(picture);
        command.Options.Add(keys);
        command.Options.Add(groups);
        command.Options.Add(verbose);
        command.SetAction(result => Failures.Guard(result.GetValue(verbose), () => Draw(
            result.GetRequiredValue(folders), result.GetRequiredValue(picture).FullName, result.GetValue(keys) ?? [], result.GetValue(groups) ?? [])));
        return command;
    }

    /// <summary>Draws.</summary>
    /// <exception cref="DataException">A folder holds no run, or a key or group is none of theirs.</exception>
    internal static int Draw(string[] folders, string file, string[] keys, string[] groups)
    {
        if (folders.Length > MostRuns)
        {
            throw new DataException($"{folders.Length} work folders do not fit beside each other: name at most {MostRuns}.");
        }

        var runs = folders.Select(folder => (Title: folder.TrimEnd('/'), Records: (IReadOnlyList<MetricsRecord>)Read(folder))).ToList();
        foreach (var key in keys.Where(key => !RunChart.Keys.Contains(key)))
        {
            throw new DataException($"--key {key} is nothing that a run measures: name one of {string.Join(", ", RunChart.Keys)}.");
        }

        foreach (var key in keys.Where(key => runs.All(run => !RunChart.Has(run.Records, key))))
        {
            throw new DataException($"No line of {string.Join(" and ", folders)} has {key}: train with \"log\": {{ \"watch\": true, \"watch_distance\": true }} first.");
        }

        var known = runs.SelectMany(run => run.Records).SelectMany(record => record.Groups).Select(group => group.Name).Distinct().ToList();
        foreach (var group in groups.Where(group => !known.Contains(group)))
        {
            throw new DataException($"--group {group} is no group of {string.Join(" or ", folders)}: they have {string.Join(", ", known)}.");
        }

        IReadOnlyList<string> drawn = keys.Length > 0 ? keys : [.. s_usual.Where(key => runs.Any(run => RunChart.Has(run.Records, key)))];
        var picture = RunChart.Draw(runs, drawn, groups.Length > 0 ? groups : known);
        try
        {
            File.WriteAllBytes(file, picture.ToPng());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{file} cannot be written: {exception.Message}", exception);
        }

        Console.Out.WriteLine($"Wrote {string.Join(", ", drawn)} of {folders.Length} run{(folders.Length == 1 ? "" : "s")} to {file}.");
        return ExitCodes.Done;
    }

    private static List<MetricsRecord> Read(string folder)
    {
        var path = Path.Combine(folder, "metrics.jsonl");
        if (!File.Exists(path))
        {
            throw new DataException($"{path} does not exist: name the work_dir of a run that wrote it (log.jsonl).");
        }

        try
        {
            List<MetricsRecord> records = [.. MetricsWriter.Read(path)];
            return records.Count > 0 ? records : throw new DataException($"{path} has no line yet: wait for the first log interval.");
        }
        catch (InvalidDataException exception)
        {
            throw new DataException(exception.Message, exception);
        }
    }
}
