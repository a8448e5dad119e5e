using System.Globalization;

namespace OrtZero.Training;

/// <summary>What <c>coordinator.address</c> asks for.</summary>
/// <param name="IsEmbedded">Whether rank 0 runs the coordinator itself.</param>
/// <param name="Host">The host of a coordinator that runs on its own. Null: there is none.</param>
/// <param name="Port">Its port; 0 where <paramref name="Host"/> is null.</param>
public sealed record CoordinatorAddress(bool IsEmbedded, string? Host, int Port)
{
    /// <summary>Rank 0 runs the coordinator.</summary>
    public static CoordinatorAddress Embedded { get; } = new(true, null, 0);

    /// <summary>There is no coordinator.</summary>
    public static CoordinatorAddress None { get; } = new(false, null, 0);

    /// <summary>Whether there is no coordinator at all.</summary>
    public bool IsNone => !IsEmbedded && Host is null;

    /// <summary>Reads "embedded", "none" or "host:port" (an IPv6 host in brackets).</summary>
    /// <returns>Null when the text is none of these.</returns>
    public static CoordinatorAddress? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        switch (text)
        {
            case "embedded": return Embedded;
            case "none": return None;
        }

        var colon = text.LastIndexOf(':');
        var host = colon > 0 ? text[..colon].Trim('[', ']') : "";
        return host.Length > 0
            && Uri.CheckHostName(host) != UriHostNameType.Unknown
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65535
                ? new CoordinatorAddress(false, host, port)
                : null;
    }
}
