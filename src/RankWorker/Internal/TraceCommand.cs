using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker trace WORK_DIR</c>: how long each rank's iterations took, and how much of its communication was hidden behind
/// computing.</summary>
internal static class TraceCommand
{
    internal static Command Create()
    {
        var command = new Command("trace", "Prints how long iterations took and how much communication was hidden, from the files that log.trace wrote.");
        var folder = new Argument<string>("WORK_DIR") { Description = "The work folder of the run." };
        var verbose = new Option<bool>("--verbose") { Description = "Adds the stack to errors." };
        command.Arguments.Add(folder);
        command.Options.Add(verbose);
        command.SetAction(result => Failures.Guard(result.GetValue(verbose), () => Print(result.GetRequiredValue(folder))));
        return command;
    }

    private static int Print(string folder)
    {
        var traces = Path.Combine(folder, "trace");
        var files = Directory.Exists(traces) ? Directory.GetFiles(traces, "rank-*.json") : [];
        if (files.Length == 0)
        {
            throw new DataException($"{traces} holds no rank-N.json: train with \"log\": {{ \"trace\": true }} first.");
        }

        Console.WriteLine("rank   iteration   communication   hidden   share");
        foreach (var (rank, iteration, communication, hidden) in files.Select(Read).OrderBy(row => row.Rank))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{rank,4} {iteration,8:0.00} ms {communication,12:0.0} ms {hidden,8:0.0} ms {(communication > 0 ? hidden / communication : 0),6:0.0%}"));
        }

        return ExitCodes.Done;
    }

    private static (int Rank, double Iteration, double Communication, double Hidden) Read(string file)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            var summary = document.RootElement.GetProperty("otherData");
            return (summary.GetProperty("rank").GetInt32(), Iteration(document.RootElement), summary.GetProperty("communication_ms").GetDouble(), summary.GetProperty("hidden_ms").GetDouble());
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException)
        {
            throw new DataException($"{file} is no trace of this program or is cut off: run again with log.trace.", exception);
        }
    }

    // The median time from the beginning of one run of the graph to that of the next, in milliseconds; what happens once in a while, such
    // as validation, does not count.
    private static double Iteration(JsonElement trace)
    {
        double[] starts = [.. trace.GetProperty("traceEvents").EnumerateArray()
            .Where(entry => entry.GetProperty("name").ValueEquals("forward and backward")).Select(entry => entry.GetProperty("ts").GetDouble()).Order()];
        double[] times = [.. starts.Skip(1).Zip(starts, (next, start) => (next - start) / 1000).Order()];
        return times.Length > 0 ? times[times.Length / 2] : 0;
    }
}
