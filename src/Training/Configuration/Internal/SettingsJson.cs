using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>Writes a section of plain values as it would stand in cfg.json.</summary>
internal static class SettingsJson
{
    /// <summary>One line with every key whose value differs from that of <paramref name="defaults"/>.</summary>
    public static string Write<T>(T section, T defaults)
        where T : notnull
    {
        var entries = SettingDescription.Of(typeof(T))
            .Select(setting => (setting, Value: setting.Property.GetValue(section)))
            .Where(entry => entry.Value is not null && !entry.Value.Equals(entry.setting.Property.GetValue(defaults)))
            .Select(entry => $"\"{entry.setting.Key}\": {Text(entry.Value!)}");
        return $"{{ {string.Join(", ", entries)} }}";
    }

    private static string Text(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        string text => JsonSerializer.Serialize(text),
        Enum choice => $"\"{SettingDescription.EnumNames(choice.GetType()).First(name => name.Value.Equals(choice)).Name}\"",
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Text))}]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
