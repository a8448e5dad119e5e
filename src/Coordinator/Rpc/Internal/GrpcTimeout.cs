using System.Globalization;

namespace OrtZero.Coordinator.Internal;

/// <summary>The grpc-timeout header: at most eight digits and a unit of H, M, S, m(illi), u (micro) or n(ano) seconds.</summary>
internal static class GrpcTimeout
{
    // Timers take no more than this; a call that long has no deadline for all purposes.
    internal static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    private const long LargestNumber = 99_999_999;

    /// <summary>The finest unit that fits, rounded up so that a server never gives up before its client.</summary>
    public static string Format(TimeSpan timeout)
    {
        if (timeout <= TimeSpan.Zero)
        {
            return "1n";
        }

        ReadOnlySpan<(long Ticks, char Unit)> units =
        [
            (TimeSpan.TicksPerMicrosecond, 'u'), (TimeSpan.TicksPerMillisecond, 'm'), (TimeSpan.TicksPerSecond, 'S'),
            (TimeSpan.TicksPerMinute, 'M'),
        ];
        foreach (var (ticks, unit) in units)
        {
            var number = RoundUp(timeout.Ticks, ticks);
            if (number <= LargestNumber)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{RoundUp(timeout.Ticks, TimeSpan.TicksPerHour)}H");

        static long RoundUp(long value, long unit) => (value / unit) + (value % unit == 0 ? 0 : 1);
    }

    public static bool TryParse(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        double ticks;
        switch (text[^1])
        {
            case 'H': ticks = (double)number * TimeSpan.TicksPerHour; break;
            case 'M': ticks = (double)number * TimeSpan.TicksPerMinute; break;
            case 'S': ticks = (double)number * TimeSpan.TicksPerSecond; break;
            case 'm': ticks = (double)number * TimeSpan.TicksPerMillisecond; break;
            case 'u': ticks = (double)number * TimeSpan.TicksPerMicrosecond; break;
            case 'n': ticks = Math.Ceiling((double)number / TimeSpan.NanosecondsPerTick); break;
            default: return false;
        }

        timeout = ticks >= Longest.Ticks ? Longest : TimeSpan.FromTicks((long)ticks);
        return true;
    }
}
