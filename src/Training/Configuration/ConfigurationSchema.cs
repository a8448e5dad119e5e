using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The JSON schema (draft 2020-12) of cfg.json, generated from the sections' C# types and doc comments. Editors complete and
/// check a file that names it as "$schema"; it is committed as docs/cfg.schema.json.
/// </summary>
public static class ConfigurationSchema
{
    private static readonly JsonSerializerOptions s_writing = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text of the schema, lines ended by line feeds.</summary>
    public static string Generate()
    {
        var root = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "OrtZero training configuration",
        };
        foreach (var (key, value) in Section(typeof(TrainingConfiguration)))
        {
            root[key] = value?.DeepClone();
        }

        return root.ToJsonString(s_writing).ReplaceLineEndings("\n") + "\n";
    }

    private static JsonObject Section(Type type)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var setting in SettingDescription.Of(type))
        {
            var schema = Value(setting.Type, setting.Limits);
            properties[setting.Key] = Described(setting.IsNullable ? OrNull(schema) : schema, setting);
            if (setting is { IsRequired: true, IsInArtifacts: false })
            {
                required.Add(setting.Key);
            }
        }

        foreach (var (key, why) in DeepSpeedKeys.Of(type))
        {
            properties[key] = new JsonObject { ["description"] = $"No effect: {why}." };
        }

        var section = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (required.Count > 0)
        {
            section["required"] = required;
        }

        return section;
    }

    private static JsonObject Described(JsonObject schema, SettingDescription setting)
    {
        if (DocComments.Summary(setting.Property) is { } summary)
        {
            schema.Insert(0, "description", summary);
        }

        return schema;
    }

    private static JsonObject Value(Type type, LimitsAttribute? limits)
    {
        if (type == typeof(string))
        {
            return OfType("string");
        }

        if (type == typeof(bool))
        {
            return OfType("boolean");
        }

        if (type == typeof(int) || type == typeof(long) || type == typeof(double))
        {
            return Limited(OfType(type == typeof(double) ? "number" : "integer"), limits);
        }

        if (type.IsEnum)
        {
            return new JsonObject { ["enum"] = new JsonArray([.. SettingDescription.EnumNames(type).Select(name => (JsonNode)name.Name)]) };
        }

        if (SettingDescription.ListItem(type) is { } item)
        {
            var list = new JsonObject { ["type"] = "array", ["items"] = Value(item, limits) };
            return SettingDescription.IsSection(item) ? AnyOf(list, Value(item, limits)) : list;
        }

        if (SettingDescription.MapValue(type) is { } entry)
        {
            return new JsonObject { ["type"] = "object", ["additionalProperties"] = Value(entry, null) };
        }

        return Special(type, limits);
    }

    private static JsonObject Special(Type type, LimitsAttribute? limits)
    {
        if (type == typeof(Betas))
        {
            return new JsonObject { ["type"] = "array", ["items"] = Limited(OfType("number"), limits), ["minItems"] = 2, ["maxItems"] = 2 };
        }

        if (type == typeof(PerGroup))
        {
            var list = new JsonObject { ["type"] = "array", ["items"] = Limited(OfType("number"), limits), ["minItems"] = 1 };
            return AnyOf(Limited(OfType("number"), limits), list);
        }

        if (type == typeof(DropoutChoice))
        {
            return AnyOf(OfType("boolean"), Limited(OfType("number"), limits));
        }

        if (type == typeof(Epsilons))
        {
            var pair = new JsonObject
            {
                ["type"] = "array", ["items"] = OrNull(Limited(OfType("number"), limits)), ["minItems"] = 2, ["maxItems"] = 2,
            };
            return AnyOf(Limited(OfType("number"), limits), pair);
        }

        if (type == typeof(DataFieldSource))
        {
            return AnyOf(OfType("string"), new JsonObject { ["type"] = "array", ["items"] = OfType("string"), ["minItems"] = 1 });
        }

        if (type == typeof(LossScaleSection))
        {
            var dynamic = new JsonObject { ["enum"] = new JsonArray("dynamic") };
            return AnyOf(dynamic, Limited(OfType("number"), new LimitsAttribute { Above = 0 }), Section(type));
        }

        return SettingDescription.IsSection(type) ? Section(type) : OfType("string");
    }

    private static JsonObject OfType(string name) => new() { ["type"] = name };

    private static JsonObject AnyOf(params JsonNode[] schemas) => new() { ["anyOf"] = new JsonArray(schemas) };

    private static JsonObject OrNull(JsonObject schema) => schema["anyOf"] is JsonArray choices
        ? AnyOf([.. choices.Select(choice => choice!.DeepClone()), OfType("null")])
        : AnyOf(schema, OfType("null"));

    private static JsonObject Limited(JsonObject schema, LimitsAttribute? limits)
    {
        Add("minimum", limits?.AtLeast);
        Add("exclusiveMinimum", limits?.Above);
        Add("maximum", limits?.AtMost);
        Add("exclusiveMaximum", limits?.Below);
        return schema;

        void Add(string key, double? limit)
        {
            if (limit is { } value && !double.IsNaN(value))
            {
                schema[key] = value;
            }
        }
    }
}
