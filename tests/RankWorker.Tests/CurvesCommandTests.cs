using OrtZero.RankWorker.Internal;
using OrtZero.Training;

namespace OrtZero.RankWorker.Tests;

public sealed class CurvesCommandTests : IDisposable
{
    private const int Blue = 0x1F77B4;
    private const int Red = 0xD62728;

    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Runs_stand_side_by_side_with_a_color_for_each_group_and_one_axis_in_a_row()
    {
        IReadOnlyList<MetricsRecord> slow = [.. Enumerable.Range(1, 5).Select(line => Record(line, 0.5, 1))];
        IReadOnlyList<MetricsRecord> fast = [.. Enumerable.Range(1, 5).Select(line => Record(line, 2, 1))];
        var picture = RunChart.Draw([("slow", slow), ("fast", fast)], ["group_distance"], ["stem", "head"]);

        // Below the legend: the stem rises in both, four times as high on the right.
        var (left, right) = (Rows(picture, Blue, 0, picture.Width / 2), Rows(picture, Blue, picture.Width / 2, picture.Width));
        Assert.True(left.Min() > right.Min() + 50, $"The highest point of the stem is {left.Min()} on the left and {right.Min()} on the right.");
        Assert.Equal(Rows(picture, Red, 0, picture.Width / 2).Min(), Rows(picture, Red, picture.Width / 2, picture.Width).Min());
    }

    [Fact]
    public void Values_of_many_sizes_get_a_logarithmic_axis()
    {
        IReadOnlyList<MetricsRecord> records = [.. Enumerable.Range(1, 7).Select(line => Record(line, Math.Pow(10, -line), 1))];
        var rows = Rows(RunChart.Draw([("run", records)], ["group_update_ratio"], ["stem"]), Blue, 0, 960);

        // Equal steps down from one power of ten to the next: the curve is a straight line.
        var heights = rows.Distinct().Order().ToArray();
        Assert.True(heights.Length > 100, $"The curve takes {heights.Length} rows.");
    }

    [Fact]
    public void It_writes_what_was_measured()
    {
        var run = Write("run", [.. Enumerable.Range(1, 5).Select(line => Record(line, 0.1, 0.2))]);
        var file = Path.Combine(_folder, "curves.png");

        Assert.Equal(0, CurvesCommand.Draw([run], file, [], []));
        Assert.Equal([0x89, 0x50, 0x4E, 0x47], File.ReadAllBytes(file)[..4]);
    }

    [Fact]
    public void What_cannot_be_drawn_is_said_in_a_sentence()
    {
        var run = Write("run", [Record(1, 0.1, 0.2) with { Groups = [new GroupMetrics("stem", 1, 0)] }]);
        var empty = Write("empty", []);

        Assert.Contains("metrics.jsonl does not exist: name the work_dir of a run", Mistake([Path.Combine(_folder, "none")]), StringComparison.Ordinal);
        Assert.Contains("has no line yet", Mistake([empty]), StringComparison.Ordinal);
        Assert.StartsWith("--key speed is nothing that a run measures: name one of loss, grad_norm, lr,", Mistake([run], key: "speed"), StringComparison.Ordinal);
        Assert.Contains("has group_distance: train with", Mistake([run], key: "group_distance"), StringComparison.Ordinal);
        Assert.EndsWith("they have stem.", Mistake([run], group: "head"), StringComparison.Ordinal);
        Assert.StartsWith("5 work folders do not fit", Mistake([run, run, run, run, run]), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(empty, "metrics.jsonl"), "{}\n");
        Assert.Contains("metrics.jsonl line 1 is not a record", Mistake([empty]), StringComparison.Ordinal);
    }

    private string Mistake(string[] runs, string? key = null, string? group = null) => Assert.Throws<DataException>(() => CurvesCommand.Draw(
        runs, Path.Combine(_folder, "no.png"), key is null ? [] : [key], group is null ? [] : [group])).Message;

    private static List<int> Rows(Picture picture, int color, int from, int to)
    {
        var rows = new List<int>();
        for (var y = 50; y < picture.Height; y++)
        {
            for (var x = from; x < to; x++)
            {
                if (picture[x, y] == color)
                {
                    rows.Add(y);
                }
            }
        }

        return rows;
    }

    private string Write(string name, IReadOnlyList<MetricsRecord> records)
    {
        var folder = Path.Combine(_folder, name);
        using var writer = new MetricsWriter(folder, new LogSection());
        foreach (var record in records)
        {
            writer.Write(record);
        }

        return folder;
    }

    private static MetricsRecord Record(int line, double stem, double head) => new()
    {
        Iteration = line * 10, Epoch = 0, Loss = 1.0 / line, GradientNorm = 1, SamplesPerSecond = 1, PeakRssBytes = 1,
        Groups =
        [
            new GroupMetrics("stem", 1e-3, 0) { Vitals = new GroupVitals(1, 10, stem, 0), Distance = stem * line },
            new GroupMetrics("head", 1e-2, 0) { Vitals = new GroupVitals(1, 10, head, 0), Distance = head * line },
        ],
    };
}
