using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrtZero.EndToEnd.Drills;

/// <summary>Trains every cell, several at a time, and shows which are equal. What is done is kept, so that a second run goes on.</summary>
internal sealed class ExactnessMatrix(bool quick, int jobs, string done, Action<string> say)
{
    private readonly ConcurrentDictionary<ExactnessCell, string> _hashes = [];
    private readonly Lock _file = new();

    /// <summary>Trains what is not done yet.</summary>
    /// <returns>Whether all cells of a model are equal.</returns>
    public bool Run()
    {
        ExactnessCell[] cells = [.. from model in (string[])["vlm", "gpt_nano"] from cell in ExactnessCell.All(model) where !quick || IsQuick(cell) select cell];
        Load();
        var missing = cells.Where(cell => !_hashes.ContainsKey(cell)).ToList();
        say($"{cells.Length} cells, {cells.Length - missing.Count} of them done before by this very program ({done})");
        var watch = Stopwatch.StartNew();
        var finished = 0;
        Parallel.ForEach(
            Partitioner.Create(missing, EnumerablePartitionerOptions.NoBuffering),
            new ParallelOptions { MaxDegreeOfParallelism = jobs },
            cell =>
            {
                Add(cell, cell.Train());
                var count = Interlocked.Increment(ref finished);
                var left = watch.Elapsed / count * (missing.Count - count);
                say(string.Create(CultureInfo.InvariantCulture, $"{count,4}/{missing.Count}  {Describe(cell),-90} {_hashes[cell][..16]}  {left:hh\\:mm\\:ss} left"));
            });
        return cells.GroupBy(cell => cell.Model).Select(group => Show(group.Key, [.. group])).ToList().TrueForAll(equal => equal);
    }

    // Every value of every setting occurs, in a small part of the cells.
    private static bool IsQuick(ExactnessCell cell) => cell.Recompute
        ? cell.ResumedOn is null && cell.SmallBuckets == (cell.Stage == 3) && (cell.Model, cell.Stage, cell.Ranks) is ("vlm", 3, 2) or ("vlm", 0, 1) or ("gpt_nano", 0, 1)
        : cell.Ranks <= 4 && cell.Threads == 1 + (cell.Stage % 2) && cell.SmallBuckets == (cell.Ranks != 2) && (cell.Model == "vlm" || cell.Ranks == 2);

    private static string Describe(ExactnessCell cell) =>
        $"{cell.Model}, stage {cell.Stage}, {cell.Ranks} rank(s), {cell.Threads} thread(s), {(cell.SmallBuckets ? "small" : "large")} buckets{(cell.ResumedOn is { } others ? $", killed, resumed on {others}" : "")}{(cell.Recompute ? ", recompute" : "")}";

    private bool Show(string model, ExactnessCell[] cells)
    {
        var reference = _hashes[cells[0]];
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{model}: {ExactnessCell.Updates} updates of {ExactnessCell.MicroBatchesPerUpdate} micro-batches, SHA-256 of the trained model {reference}");
        text.AppendLine("stage  threads  buckets  recompute  then              ranks: 1      2      4      8");
        foreach (var row in cells.GroupBy(cell => (cell.Recompute, Resumed: cell.ResumedOn is not null, cell.Stage, cell.Threads, cell.SmallBuckets)).OrderBy(row => row.Key))
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Key.Stage,5}  {row.Key.Threads,7}  {(row.Key.SmallBuckets ? "small" : "large"),7}  {(row.Key.Recompute ? "yes" : "no"),9}  {(row.Key.Resumed ? "killed, resumed" : "straight"),-15}  ");
            foreach (var ranks in (int[])[1, 2, 4, 8])
            {
                var cell = row.FirstOrDefault(cell => cell.Ranks == ranks);
                text.Append(CultureInfo.InvariantCulture, $"{(cell is null ? "-" : _hashes[cell] == reference ? "equal" : "OTHER"),7}");
            }

            text.AppendLine();
        }

        var different = cells.Count(cell => _hashes[cell] != reference);
        text.Append(CultureInfo.InvariantCulture, $"{cells.Length - different} of {cells.Length} cells of {model} are equal to the last bit.");
        say(text.ToString());
        return different == 0;
    }

    private void Load()
    {
        foreach (var line in File.Exists(done) ? File.ReadAllLines(done) : [])
        {
            if (line.Split('\t') is [var key, var hash] && Find(key) is { } cell)
            {
                _hashes[cell] = hash;
            }
        }
    }

    private static ExactnessCell? Find(string key) =>
        new[] { "vlm", "gpt_nano" }.SelectMany(ExactnessCell.All).FirstOrDefault(cell => Describe(cell) == key);

    private void Add(ExactnessCell cell, string hash)
    {
        _hashes[cell] = hash;
        lock (_file)
        {
            File.AppendAllText(done, $"{Describe(cell)}\t{hash}\n");
        }
    }

    /// <summary>A name for what bin/rankworker is now, so that results of another program do not count.</summary>
    public static string ProgramName()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(Published.RankWorker)!, "OrtZero.*.dll").Order(StringComparer.Ordinal))
        {
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
    }
}
