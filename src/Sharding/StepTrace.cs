using System.Diagnostics;
using System.Text.Json;
using OrtZero.Mpi;

namespace OrtZero.Sharding;

/// <summary>
/// Records what a rank does when, in memory taken once, and writes it as a Chrome trace: lanes for computing, for reducing and gathering
/// buckets, and for gathering parameters. When it is full the oldest entries make room.
/// </summary>
public sealed class StepTrace
{
    private static readonly string[] s_names =
        ["data", "forward and backward", "optimizer", "checkpoint", "validation", "wait for communication", "reduce gradients", "gather parameters", "gather parameter", "gradient norm"];

    private static readonly string[] s_lanes = ["compute", "communication", "parameter gathers"];
    private readonly Entry[] _entries;
    private readonly int _rank;
    private readonly long _origin;
    private long _count;

    /// <summary>Begins a trace. Collective: what happens after it has the same zero on every rank.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="capacity">The entries kept; each takes 24 bytes.</param>
    public StepTrace(ICommunicator ranks, int capacity = 1 << 18)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _entries = new Entry[capacity];
        _rank = ranks.Rank;
        ranks.Barrier();
        _origin = Stopwatch.GetTimestamp();
    }

    /// <summary>Records what went on until now. May be called from any thread and allocates nothing.</summary>
    /// <param name="activity">What it was.</param>
    /// <param name="started">When it began, a <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="index">Which bucket or parameter; -1: none.</param>
    public void Add(TraceActivity activity, long started, int index = -1) => Add(activity, started, Stopwatch.GetTimestamp(), index);

    internal void Add(TraceActivity activity, long started, long ended, int index) =>
        _entries[(Interlocked.Increment(ref _count) - 1) % _entries.Length] = new Entry(started, ended, activity, index);

    /// <summary>How long ranks talked, and how much of that the training thread did not stand still.</summary>
    public (TimeSpan Communication, TimeSpan Hidden) Overlap()
    {
        var communication = Merge(Entries().Where(entry => LaneOf(entry.Activity) > 0));
        var waits = Merge(Entries().Where(entry => entry.Activity == TraceActivity.Wait));
        var visible = 0L;
        var first = 0;
        foreach (var (from, to) in communication)
        {
            while (first < waits.Count && waits[first].To <= from)
            {
                first++;
            }

            for (var index = first; index < waits.Count && waits[index].From < to; index++)
            {
                visible += Math.Min(to, waits[index].To) - Math.Max(from, waits[index].From);
            }
        }

        var total = communication.Sum(stretch => stretch.To - stretch.From);
        return (Stopwatch.GetElapsedTime(0, total), Stopwatch.GetElapsedTime(0, total - visible));
    }

    /// <summary>Writes the Chrome trace (JSON object format): complete events in microseconds, the rank as process, lanes as threads, and
    /// the overlap under <c>otherData</c>. No thread may add entries meanwhile.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using var stream = File.Create(path);
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        var (communication, hidden) = Overlap();
        json.WriteStartObject("otherData");
        json.WriteNumber("rank", _rank);
        json.WriteNumber("communication_ms", communication.TotalMilliseconds);
        json.WriteNumber("hidden_ms", hidden.TotalMilliseconds);
        json.WriteEndObject();
        json.WriteStartArray("traceEvents");
        Describe(json, "process_name", 0, $"rank {_rank}");
        for (var lane = 0; lane < s_lanes.Length; lane++)
        {
            Describe(json, "thread_name", lane, s_lanes[lane]);
        }

        foreach (var entry in Entries().OrderBy(entry => entry.Started))
        {
            json.WriteStartObject();
            json.WriteString("name", s_names[(int)entry.Activity]);
            json.WriteString("cat", s_lanes[LaneOf(entry.Activity)]);
            json.WriteString("ph", "X");
            json.WriteNumber("ts", Stopwatch.GetElapsedTime(_origin, entry.Started).TotalMicroseconds);
            json.WriteNumber("dur", Stopwatch.GetElapsedTime(entry.Started, entry.Ended).TotalMicroseconds);
            json.WriteNumber("pid", _rank);
            json.WriteNumber("tid", LaneOf(entry.Activity));
            if (entry.Index >= 0)
            {
                json.WriteStartObject("args");
                json.WriteNumber("index", entry.Index);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static int LaneOf(TraceActivity activity) => activity switch
    {
        TraceActivity.Reduce or TraceActivity.Gather or TraceActivity.Norm => 1,
        TraceActivity.GatherParameter => 2,
        _ => 0,
    };

    private static List<(long From, long To)> Merge(IEnumerable<Entry> entries)
    {
        var merged = new List<(long From, long To)>();
        foreach (var entry in entries.OrderBy(entry => entry.Started))
        {
            if (merged.Count > 0 && entry.Started <= merged[^1].To)
            {
                merged[^1] = (merged[^1].From, Math.Max(merged[^1].To, entry.Ended));
            }
            else
            {
                merged.Add((entry.Started, entry.Ended));
            }
        }

        return merged;
    }

    private IEnumerable<Entry> Entries() => _entries.Take((int)Math.Min(_count, _entries.Length));

    private void Describe(Utf8JsonWriter json, string what, int lane, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", _rank);
        json.WriteNumber("tid", lane);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private readonly record struct Entry(long Started, long Ended, TraceActivity Activity, int Index);
}
