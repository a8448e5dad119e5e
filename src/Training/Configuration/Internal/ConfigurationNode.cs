using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>A JSON value that knows where it came from, so that a mistake can be reported with its line.</summary>
internal sealed class ConfigurationNode
{
    private ConfigurationNode(JsonValueKind kind, string place, string text)
    {
        Kind = kind;
        Place = place;
        Text = text;
    }

    public JsonValueKind Kind { get; }

    /// <summary>Where it is written: "cfg.json line 12", or the option of the command line.</summary>
    public string Place { get; }

    /// <summary>The string itself, or a number as it is written; empty for other kinds.</summary>
    public string Text { get; }

    /// <summary>The members of an object in their order.</summary>
    public OrderedDictionary<string, ConfigurationNode> Members { get; } = new(StringComparer.Ordinal);

    /// <summary>The items of a list.</summary>
    public List<ConfigurationNode> Items { get; } = [];

    public static ConfigurationNode Object(string place) => new(JsonValueKind.Object, place, "");

    public static ConfigurationNode List(string place) => new(JsonValueKind.Array, place, "");

    public static ConfigurationNode Leaf(JsonValueKind kind, string place, string text = "") => new(kind, place, text);

    /// <summary>The value in words, for "… is X, but must be …".</summary>
    public string Describe() => Kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => Items.Count == 0 ? "an empty list" : $"a list of {Items.Count}",
        JsonValueKind.String => $"the string \"{Shorten(Text)}\"",
        JsonValueKind.Number => Shorten(Text),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };

    /// <summary>A key path one step longer; a step with dots is put in quotes, as in <see cref="ConfigurationOverride"/>.</summary>
    public static string Join(string path, string key)
    {
        var step = key.Length == 0 || key.AsSpan().IndexOfAny('.', '=', '"') >= 0 ? $"\"{key}\"" : key;
        return path.Length == 0 ? step : $"{path}.{step}";
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..57] + "...";
}
