using System.Globalization;

namespace OrtZero.Coordinator.Internal;

/// <summary>What "host:port" says; an IPv6 host is in brackets there and bare here.</summary>
/// <param name="Host">The host, or "*".</param>
/// <param name="Port">The port.</param>
internal sealed record Endpoint(string Host, int Port)
{
    /// <summary>"host:port" again.</summary>
    public string Address => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    /// <summary>Null when the text is no address.</summary>
    public static Endpoint? Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        var host = colon > 0 ? text[..colon] : "";
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            return null;
        }

        return (host == "*" || Uri.CheckHostName(host) != UriHostNameType.Unknown)
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port <= 65535
                ? new Endpoint(host, port)
                : null;
    }
}
