using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

/// <summary>Checks a value against a schema, for the keywords that the configuration's schema uses; others are refused.</summary>
internal static class SchemaCheck
{
    private static readonly HashSet<string> s_annotations = ["$schema", "title", "description"];

    public static List<string> Mistakes(JsonObject schema, JsonElement value, string path)
    {
        var mistakes = new List<string>();
        foreach (var (keyword, argument) in schema)
        {
            if (!s_annotations.Contains(keyword))
            {
                Check(keyword, argument!, schema, value, path, mistakes);
            }
        }

        return mistakes;
    }

    private static void Check(string keyword, JsonNode argument, JsonObject schema, JsonElement value, string path, List<string> mistakes)
    {
        var fits = true;
        switch (keyword)
        {
            case "type":
                fits = HasType(value, argument.GetValue<string>());
                break;
            case "enum":
                fits = value.ValueKind == JsonValueKind.String && argument.AsArray().Any(name => name!.GetValue<string>() == value.GetString());
                break;
            case "anyOf":
                fits = argument.AsArray().Any(choice => Mistakes(choice!.AsObject(), value, path).Count == 0);
                break;
            case "minimum":
                fits = value.ValueKind != JsonValueKind.Number || value.GetDouble() >= argument.GetValue<double>();
                break;
            case "exclusiveMinimum":
                fits = value.ValueKind != JsonValueKind.Number || value.GetDouble() > argument.GetValue<double>();
                break;
            case "maximum":
                fits = value.ValueKind != JsonValueKind.Number || value.GetDouble() <= argument.GetValue<double>();
                break;
            case "exclusiveMaximum":
                fits = value.ValueKind != JsonValueKind.Number || value.GetDouble() < argument.GetValue<double>();
                break;
            case "minItems":
                fits = value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= argument.GetValue<int>();
                break;
            case "maxItems":
                fits = value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= argument.GetValue<int>();
                break;
            case "items" when value.ValueKind == JsonValueKind.Array:
                mistakes.AddRange(value.EnumerateArray().SelectMany((item, index) => Mistakes(argument.AsObject(), item, $"{path}.{index}")));
                break;
            case "required" when value.ValueKind == JsonValueKind.Object:
                fits = argument.AsArray().All(key => value.TryGetProperty(key!.GetValue<string>(), out _));
                break;
            case "properties" when value.ValueKind == JsonValueKind.Object:
                foreach (var member in value.EnumerateObject().Where(member => argument[member.Name] is not null))
                {
                    mistakes.AddRange(Mistakes(argument[member.Name]!.AsObject(), member.Value, $"{path}.{member.Name}"));
                }

                break;
            case "additionalProperties" when value.ValueKind == JsonValueKind.Object:
                foreach (var member in value.EnumerateObject().Where(member => schema["properties"]?[member.Name] is null))
                {
                    mistakes.AddRange(argument is JsonObject other ? Mistakes(other, member.Value, $"{path}.{member.Name}") : [$"{path}.{member.Name}: unknown"]);
                }

                break;
            case "items" or "required" or "properties" or "additionalProperties":
                break;
            default:
                throw new NotSupportedException($"The check does not know the keyword {keyword}.");
        }

        if (!fits)
        {
            mistakes.Add($"{path}: {keyword}");
        }
    }

    private static bool HasType(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "null" => value.ValueKind == JsonValueKind.Null,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.GetDouble() % 1 == 0,
        _ => throw new NotSupportedException($"The check does not know the type {type}."),
    };
}
