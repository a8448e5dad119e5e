using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrtZero.Training.Tests;

/// <summary>Reads a scheduler as MMEngine writes it, apart from the product's own reader.</summary>
internal static class SchedulerJson
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter() },
    };

    public static SchedulerOptions Read(JsonElement entry) => entry.Deserialize<SchedulerOptions>(s_options)!;
}
