using System.Globalization;

namespace OrtZero.RankWorker.Internal;

/// <summary>A panel with axes into which curves over iterations are drawn.</summary>
/// <param name="picture">Where to draw.</param>
/// <param name="left">The left edge, labels included.</param>
/// <param name="top">The upper edge, title included.</param>
/// <param name="width">The width, labels included.</param>
/// <param name="height">The height, labels included.</param>
/// <param name="iterations">The last iteration on the axis.</param>
/// <param name="values">Every value that will be drawn, for the range of the axis.</param>
internal sealed class Plot(Picture picture, int left, int top, int width, int height, long iterations, IReadOnlyCollection<double> values)
{
    private const int Before = 62;
    private const int After = 14;
    private const int Above = 22;
    private const int Below = 22;
    private const int Black = 0x202020;
    private const int Grey = 0xE2E2E2;

    // Values that span more than so much are drawn on a logarithmic axis.
    private const double Decades = 30;

    private readonly Scale _scale = Scale.For(values);

    private int Left => left + Before;

    private int Right => left + width - After;

    private int Top => top + Above;

    private int Bottom => top + height - Below;

    /// <summary>Draws the title, the axes and their labels.</summary>
    internal void DrawAxes(string title)
    {
        picture.Write(Left, top + 7, Fit(_scale.IsLogarithmic ? $"{title} (logarithmic)" : title, (width - Before) / PixelFont.Advance), Black);
        foreach (var value in _scale.Ticks())
        {
            var y = Y(value);
            picture.Fill(Left, y, Right - Left, 1, Grey);
            var label = value == 0 ? "0" : ScheduleCommand.Text(value);
            picture.Write(Left - 6 - (label.Length * PixelFont.Advance), y - 3, label, Black);
        }

        var step = ScheduleChart.Step((int)Math.Min(int.MaxValue, iterations), most: 6);
        for (var iteration = 0L; iteration <= iterations; iteration += step)
        {
            var x = X(iteration);
            picture.Fill(x, Top, 1, Bottom - Top, Grey);
            var label = iteration.ToString(CultureInfo.InvariantCulture);
            picture.Write(x - (label.Length * PixelFont.Advance / 2), Bottom + 6, label, Black);
        }

        picture.Fill(Left, Top, 1, Bottom - Top, Black);
        picture.Fill(Left, Bottom, Right - Left, 1, Black);
    }

    /// <summary>Joins points by lines two dots thick; where a value is missing there is a gap.</summary>
    internal void DrawCurve(IReadOnlyList<(long Iteration, double? Value)> points, int color)
    {
        (int X, int Y)? before = null;
        foreach (var (iteration, value) in points)
        {
            (int X, int Y)? here = value is { } number && _scale.Holds(number) ? (X(iteration), Y(number)) : null;
            if (here is { } to)
            {
                Line(before ?? to, to, color);
            }

            before = here;
        }
    }

    /// <summary>Cuts a text to so many letters.</summary>
    internal static string Fit(string text, int letters) => text.Length <= letters ? text : $"{text[..(letters - 3)]}...";

    private int X(long iteration) => Left + 1 + (int)(iteration * (Right - Left - 2) / Math.Max(1, iterations));

    private int Y(double value) => Bottom - 1 - (int)Math.Round(_scale.Share(value) * (Bottom - Top - 2));

    private void Line((int X, int Y) from, (int X, int Y) to, int color)
    {
        var steps = Math.Max(1, Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y)));
        for (var step = 0; step <= steps; step++)
        {
            picture.Fill(from.X + ((to.X - from.X) * step / steps), from.Y + ((to.Y - from.Y) * step / steps), 2, 2, color);
        }
    }

    private sealed record Scale(double Lowest, double Highest, bool IsLogarithmic)
    {
        public static Scale For(IReadOnlyCollection<double> values)
        {
            var positive = values.Where(value => value > 0 && double.IsFinite(value)).Order().ToArray();
            if (positive.Length == 0)
            {
                return new Scale(0, 1, false);
            }

            // A few values of almost nothing, at the ends of schedules, do not decide.
            var low = positive[positive.Length / 20];
            return positive[^1] / low > Decades
                ? new Scale(Math.Pow(10, Math.Floor(Math.Log10(low))), Math.Pow(10, Math.Ceiling(Math.Log10(positive[^1]))), true)
                : new Scale(0, ScheduleChart.Ceiling(positive[^1]), false);
        }

        public bool Holds(double value) => double.IsFinite(value) && (!IsLogarithmic || value > 0);

        public double Share(double value) => Math.Clamp(
            IsLogarithmic ? Math.Log(value / Lowest) / Math.Log(Highest / Lowest) : value / Highest, 0, 1);

        public IEnumerable<double> Ticks()
        {
            if (!IsLogarithmic)
            {
                return Enumerable.Range(0, 5).Select(tick => Highest * tick / 4);
            }

            var decades = (int)Math.Round(Math.Log10(Highest / Lowest));
            return Enumerable.Range(0, decades + 1).Where(decade => decade % ((decades + 7) / 8) == 0).Select(decade => Lowest * Math.Pow(10, decade));
        }
    }
}
