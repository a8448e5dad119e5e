using System.Globalization;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>
/// Draws schedules: all groups in one panel, so that they can be compared, and below it a panel for each group with an axis of
/// its own. Groups whose curves are the same share a panel and a color.
/// </summary>
internal static class ScheduleChart
{
    private const int Width = 960;
    private const int TallPanel = 300;
    private const int Panel = 160;
    private const int Left = 76;
    private const int Right = 20;
    private const int Above = 24;
    private const int Below = 28;
    private const int Black = 0x202020;
    private const int Grey = 0xE2E2E2;

    private static readonly int[] s_colors = [0x1F77B4, 0xD62728, 0x2CA02C, 0xFF7F0E, 0x9467BD, 0x17BECF, 0x8C564B, 0xE377C2];

    private static readonly double[] s_tops = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10];
    private static readonly long[] s_steps = [1, 2, 5, 10, 20];

    internal static Picture Draw(SchedulePreview preview)
    {
        var parameters = ScheduleCommand.Parameters(preview).Select(entry => (entry.Title, Curves: Distinct(preview.Groups, entry.Curves))).ToList();
        var panels = new List<(string Title, IReadOnlyList<Curve> Curves, int Height)>();
        foreach (var (title, curves) in parameters)
        {
            panels.Add(($"{title} of all groups by iteration", curves, TallPanel + (curves.Count * Line)));
            if (curves.Count > 1)
            {
                panels.AddRange(curves.Select(curve => ($"{title}: {curve.Name}", (IReadOnlyList<Curve>)[curve], Panel)));
            }
        }

        var picture = new Picture(Width, panels.Sum(panel => panel.Height));
        var top = 0;
        foreach (var (title, curves, height) in panels)
        {
            var legend = height == Panel ? 0 : curves.Count * Line;
            DrawPanel(picture, top, height, legend, title, curves);
            top += height;
        }

        return picture;
    }

    private const int Line = 12;

    private static List<Curve> Distinct(IReadOnlyList<string> groups, double[][] rows)
    {
        var curves = new List<Curve>();
        for (var group = 0; group < groups.Count; group++)
        {
            var values = Array.ConvertAll(rows, row => row[group]);
            var same = curves.FindIndex(curve => curve.Values.AsSpan().SequenceEqual(values));
            if (same >= 0)
            {
                curves[same] = curves[same] with { Name = $"{curves[same].Name}, {groups[group]}" };
            }
            else
            {
                curves.Add(new Curve(groups[group], values, s_colors[curves.Count % s_colors.Length]));
            }
        }

        return curves;
    }

    private static void DrawPanel(Picture picture, int top, int height, int legend, string title, IReadOnlyList<Curve> curves)
    {
        picture.Write(Left, top + 8, Fit(title), Black);
        for (var index = 0; legend > 0 && index < curves.Count; index++)
        {
            var y = top + Above + (index * Line);
            picture.Fill(Left, y + 2, 14, 3, curves[index].Color);
            picture.Write(Left + 20, y, Fit(curves[index].Name), Black);
        }

        var area = new Area(top + Above + legend, height - Above - Below - legend, curves[0].Values.Length, Ceiling(curves.Max(curve => curve.Values.Max())));
        DrawAxes(picture, area);
        foreach (var curve in curves)
        {
            DrawCurve(picture, area, curve);
        }
    }

    private static string Fit(string text)
    {
        var most = (Width - Left - Right - 20) / PixelFont.Advance;
        return text.Length <= most ? text : text[..(most - 3)] + "...";
    }

    private static void DrawAxes(Picture picture, Area area)
    {
        const int Ticks = 4;
        for (var tick = 0; tick <= Ticks; tick++)
        {
            var value = area.Highest * tick / Ticks;
            var y = area.Y(value);
            picture.Fill(Left, y, Width - Left - Right, 1, Grey);
            var label = value == 0 ? "0" : ScheduleCommand.Text(value);
            picture.Write(Left - 8 - (label.Length * PixelFont.Advance), y - 3, label, Black);
        }

        var step = Step(area.Length);
        for (var iteration = 0L; iteration < area.Length; iteration += step)
        {
            var x = area.X(iteration);
            picture.Fill(x, area.Top, 1, area.Height, Grey);
            var label = iteration.ToString(CultureInfo.InvariantCulture);
            picture.Write(x - (label.Length * PixelFont.Advance / 2), area.Top + area.Height + 8, label, Black);
        }

        picture.Fill(Left, area.Top, 1, area.Height, Black);
        picture.Fill(Left, area.Top + area.Height, Width - Left - Right, 1, Black);
    }

    // Column by column, each from the lowest to the highest value in it and joined to its neighbour.
    private static void DrawCurve(Picture picture, Area area, Curve curve)
    {
        var before = area.Y(curve.Values[0]);
        for (var x = Left + 1; x < Width - Right; x++)
        {
            var from = area.Iteration(x);
            var to = Math.Max(from, area.Iteration(x + 1) - 1);
            var stretch = curve.Values.AsSpan(from, to - from + 1);
            var (lowest, highest) = (stretch[0], stretch[0]);
            foreach (var value in stretch)
            {
                (lowest, highest) = (Math.Min(lowest, value), Math.Max(highest, value));
            }

            var first = Math.Min(area.Y(highest), before);
            var last = Math.Max(area.Y(lowest), before);
            picture.Fill(x, first - 1, 1, last - first + 2, curve.Color);
            before = area.Y(stretch[^1]);
        }
    }

    /// <summary>The round number at the top of an axis.</summary>
    internal static double Ceiling(double highest)
    {
        if (!(highest > 0))
        {
            return 1;
        }

        var unit = Math.Pow(10, Math.Floor(Math.Log10(highest)));
        return Array.Find(s_tops, factor => factor * unit >= highest * (1 - 1e-9)) * unit;
    }

    /// <summary>The round number of iterations from one label of the axis to the next.</summary>
    internal static long Step(int length, int most = 12)
    {
        var unit = (long)Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(length)) - 1));
        return Array.Find(s_steps, factor => length / (factor * unit) <= most) * unit;
    }

    private sealed record Curve(string Name, double[] Values, int Color);

    private sealed record Area(int Top, int Height, int Length, double Highest)
    {
        private static int Columns => Width - Left - Right - 1;

        public int Y(double value) => Top + Height - (int)Math.Round(Math.Clamp(value / Highest, 0, 1) * (Height - 2)) - 1;

        public int X(long iteration) => Left + 1 + (int)(iteration * Columns / Length);

        public int Iteration(int x) => (int)Math.Clamp((long)(x - Left - 1) * Length / Columns, 0, Length - 1);
    }
}
