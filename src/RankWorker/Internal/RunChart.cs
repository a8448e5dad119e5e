using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>Draws what runs measured: a row of panels for every key, a column for every run, with the same axis in a row, and a color for
/// every group.</summary>
internal static class RunChart
{
    private const int Width = 960;
    private const int Panel = 176;
    private const int Line = 13;
    private const int Black = 0x202020;

    private static readonly int[] s_colors = [0x1F77B4, 0xD62728, 0x2CA02C, 0xFF7F0E, 0x9467BD, 0x17BECF, 0x8C564B, 0xE377C2];

    private static readonly OrderedDictionary<string, (string Title, Func<MetricsRecord, double?>? OfRun, Func<GroupMetrics, double?>? OfGroup)> s_keys = new()
    {
        ["loss"] = ("loss", record => record.Loss, null),
        ["grad_norm"] = ("gradient norm", record => record.GradientNorm, null),
        ["lr"] = ("learning rate", null, group => group.LearningRate),
        ["weight_decay"] = ("weight decay", null, group => group.WeightDecay),
        ["group_grad_norm"] = ("gradient norm", null, group => group.Vitals?.GradientNorm),
        ["group_param_norm"] = ("parameter norm", null, group => group.Vitals?.ParameterNorm),
        ["group_update_ratio"] = ("update / parameters", null, group => group.Vitals?.UpdateRatio),
        ["group_zero_share"] = ("share of zero gradients", null, group => group.Vitals?.ZeroShare),
        ["group_distance"] = ("distance from the start / norm of the start", null, group => group.Distance),
    };

    /// <summary>What can be drawn, by the names of metrics.jsonl.</summary>
    internal static IReadOnlyList<string> Keys => [.. s_keys.Keys];

    /// <summary>Whether any line has a key.</summary>
    internal static bool Has(IReadOnlyList<MetricsRecord> records, string key) =>
        s_keys[key] is { OfRun: { } ofRun } ? records.Any(record => ofRun(record) is not null) : records.Any(record => record.Groups.Any(group => s_keys[key].OfGroup!(group) is not null));

    /// <summary>Draws runs.</summary>
    /// <param name="runs">Title and lines of each.</param>
    /// <param name="keys">What to draw, of <see cref="Keys"/>.</param>
    /// <param name="groups">The groups to draw.</param>
    internal static Picture Draw(IReadOnlyList<(string Title, IReadOnlyList<MetricsRecord> Records)> runs, IReadOnlyList<string> keys, IReadOnlyList<string> groups)
    {
        var header = Line * (groups.Count + 2);
        var picture = new Picture(Width, header + (Panel * keys.Count) + 4);
        var column = Width / runs.Count;
        foreach (var (index, group) in groups.Index())
        {
            picture.Fill(62, 10 + (index * Line) + 2, 16, 3, s_colors[index % s_colors.Length]);
            picture.Write(86, 10 + (index * Line), Plot.Fit(group, 100), Black);
        }

        foreach (var (row, key) in keys.Index())
        {
            var curves = runs.Select(run => Curves(run.Records, key, groups)).ToList();
            var values = curves.SelectMany(run => run).SelectMany(curve => curve.Points).Select(point => point.Value).OfType<double>().ToList();
            for (var run = 0; run < runs.Count; run++)
            {
                var plot = new Plot(picture, run * column, header + (row * Panel), column, Panel, runs.Max(other => other.Records[^1].Iteration), values);
                plot.DrawAxes(row == 0 ? $"{runs[run].Title}: {s_keys[key].Title}" : s_keys[key].Title);
                foreach (var (color, points) in curves[run])
                {
                    plot.DrawCurve(points, color);
                }
            }
        }

        return picture;
    }

    private static List<(int Color, IReadOnlyList<(long Iteration, double? Value)> Points)> Curves(IReadOnlyList<MetricsRecord> records, string key, IReadOnlyList<string> groups)
    {
        var (_, ofRun, ofGroup) = s_keys[key];
        return ofRun is not null
            ? [(0x606060, [.. records.Select(record => (record.Iteration, ofRun(record)))])]
            :
            [
                .. groups.Select((name, index) => (s_colors[index % s_colors.Length], (IReadOnlyList<(long, double?)>)[.. records.Select(record =>
                    (record.Iteration, record.Groups.FirstOrDefault(group => group.Name == name) is { } group ? ofGroup!(group) : null))])),
            ];
    }
}
