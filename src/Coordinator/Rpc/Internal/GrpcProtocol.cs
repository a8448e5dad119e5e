using System.Net;
using System.Text;

namespace OrtZero.Coordinator.Internal;

/// <summary>Names and mappings of gRPC over HTTP/2.</summary>
internal static class GrpcProtocol
{
    public const string ContentType = "application/grpc";
    public const string StatusHeader = "grpc-status";
    public const string MessageHeader = "grpc-message";
    public const string TimeoutHeader = "grpc-timeout";
    public const string EncodingHeader = "grpc-encoding";
    public const string AcceptEncodingHeader = "grpc-accept-encoding";
    public const string AcceptedEncodings = "identity,gzip";
    public const string Identity = "identity";
    public const string Gzip = "gzip";

    // RST_STREAM and GOAWAY codes of RFC 9113, section 7.
    public const int NoError = 0;
    public const int InternalError = 2;
    public const int Cancel = 8;

    public static bool IsGrpcContentType(string? contentType) =>
        contentType is not null
        && contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
        && (contentType.Length == ContentType.Length || contentType[ContentType.Length] is ';' or '+');

    /// <summary>Whether a header belongs to HTTP or to gRPC itself and is no metadata of the application.</summary>
    public static bool IsReserved(string name) =>
        name.StartsWith(':') || name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase)
        || name.ToLowerInvariant() is "te" or "content-type" or "content-length" or "host" or "date" or "server" or "user-agent"
            or "connection" or "transfer-encoding" or "trailer";

    public static void AddHeader(RpcMetadata metadata, string name, string? value)
    {
        if (IsReserved(name) || value is null)
        {
            return;
        }

        if (!name.EndsWith("-bin", StringComparison.OrdinalIgnoreCase))
        {
            metadata.Add(name, ToPrintableAscii(value));
            return;
        }

        // A sender may join several binary values with commas, and may leave the padding out.
        foreach (var part in value.Split(',', StringSplitOptions.TrimEntries))
        {
            metadata.Add(name, DecodeBase64(name, part));
        }
    }

    public static string HeaderValue(RpcMetadataEntry entry) =>
        entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes.Span).TrimEnd('=') : entry.Value;

    public static RpcStatusCode FromHttpStatus(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => RpcStatusCode.Internal,
        HttpStatusCode.Unauthorized => RpcStatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => RpcStatusCode.PermissionDenied,
        HttpStatusCode.NotFound => RpcStatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout => RpcStatusCode.Unavailable,
        _ => RpcStatusCode.Unknown,
    };

    /// <summary>
    /// SocketsHttpHandler reports a reset stream, a GOAWAY (0) and a lost ping (1) alike, so 0 and 1 count as a lost connection
    /// here, against the table of the specification.
    /// </summary>
    public static RpcStatusCode FromHttp2Error(long code) => code switch
    {
        0 or 1 or 7 => RpcStatusCode.Unavailable,
        8 => RpcStatusCode.Cancelled,
        11 => RpcStatusCode.ResourceExhausted,
        12 => RpcStatusCode.PermissionDenied,
        _ => RpcStatusCode.Internal,
    };

    private static string ToPrintableAscii(string value) =>
        value.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 ? value : new string([.. value.Select(c => c is >= ' ' and <= '~' ? c : '?')]);

    private static byte[] DecodeBase64(string name, string text)
    {
        var padded = new StringBuilder(text.TrimEnd('='));
        padded.Append('=', (4 - (padded.Length % 4)) % 4);
        try
        {
            return Convert.FromBase64String(padded.ToString());
        }
        catch (FormatException e)
        {
            throw new RpcException(new RpcStatus(RpcStatusCode.Internal, $"The metadata '{name}' is not base64.", e));
        }
    }
}
