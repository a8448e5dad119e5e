using System.Diagnostics;
using System.Text.Json;
using OrtZero.Mpi;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class StepTraceTests
{
    private static readonly long s_millisecond = Stopwatch.Frequency / 1000;

    [Fact]
    public void Communication_is_hidden_where_the_training_thread_does_not_wait()
    {
        using var ranks = new SingleProcessCommunicator();
        var trace = new StepTrace(ranks);
        Add(trace, TraceActivity.Run, 0, 100);
        Add(trace, TraceActivity.Reduce, 10, 40);
        Add(trace, TraceActivity.GatherParameter, 30, 60);
        Add(trace, TraceActivity.Wait, 50, 55);
        Add(trace, TraceActivity.Reduce, 200, 210);
        Add(trace, TraceActivity.Wait, 190, 205);

        var (communication, hidden) = trace.Overlap();

        Assert.Equal(TimeSpan.FromMilliseconds(60), communication);
        Assert.Equal(TimeSpan.FromMilliseconds(50), hidden);
    }

    [Fact]
    public void A_full_trace_keeps_the_newest_entries_and_takes_no_more_memory()
    {
        using var ranks = new SingleProcessCommunicator();
        var trace = new StepTrace(ranks, capacity: 4);
        trace.Add(TraceActivity.Data, Stopwatch.GetTimestamp());
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var index = 0; index < 10; index++)
        {
            trace.Add(TraceActivity.Optimizer, Stopwatch.GetTimestamp(), index);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "trace", "rank-0.json");
        trace.Write(path);
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var kept = document.RootElement.GetProperty("traceEvents").EnumerateArray()
            .Where(entry => entry.GetProperty("ph").GetString() == "X")
            .Select(entry => entry.GetProperty("args").GetProperty("index").GetInt32());
        Assert.Equal([6, 7, 8, 9], kept.Order());
    }

    private static void Add(StepTrace trace, TraceActivity activity, long from, long to) =>
        trace.Add(activity, from * s_millisecond, to * s_millisecond, -1);
}
