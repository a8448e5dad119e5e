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
        Converters = { new JsonStringEnumConverter(), new PerGroupReader() },
    };

    public static SchedulerOptions Read(JsonElement entry) => entry.Deserialize<SchedulerOptions>(s_options)!;

    private sealed class PerGroupReader : JsonConverter<PerGroup>
    {
        public override PerGroup Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Number
                ? reader.GetDouble()
                : new PerGroup(JsonSerializer.Deserialize<double[]>(ref reader)!, true);

        public override void Write(Utf8JsonWriter writer, PerGroup value, JsonSerializerOptions options) => throw new NotSupportedException();
    }
}
