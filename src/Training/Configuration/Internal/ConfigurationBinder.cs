using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>
/// Turns JSON nodes into the sections that <see cref="TrainingConfiguration"/> is made of, and every value that does not fit
/// into a sentence. Nothing is coerced: a string is never read as a number nor a fraction as a whole number.
/// </summary>
internal sealed partial class ConfigurationBinder(string folder, ConfigurationProblems problems)
{
    private const int MostListed = 20;

    private bool _hasArtifacts;

    /// <summary>Binds an object to a section. A value with a mistake is left at its default, so that the rest is checked too.</summary>
    public object? Section(Type type, ConfigurationNode node, string path)
    {
        if (node.Kind != JsonValueKind.Object)
        {
            return Mistyped(node, path, $"an object with the keys {UnknownKey.List(type)}");
        }

        if (path.Length == 0)
        {
            _hasArtifacts = node.Members.GetValueOrDefault("model") is { Kind: JsonValueKind.Object } model
                && model.Members.GetValueOrDefault("artifacts") is { Kind: not JsonValueKind.Null };
        }

        var section = Activator.CreateInstance(type)!;
        var settings = SettingDescription.Of(type);
        foreach (var (key, value) in node.Members)
        {
            var keyPath = ConfigurationNode.Join(path, key);
            if (settings.FirstOrDefault(setting => setting.Key == key) is not { } setting)
            {
                if (DeepSpeedKeys.Of(type).GetValueOrDefault(key) is { } why)
                {
                    problems.Notes.Add($"{keyPath} has no effect: {why}.");
                }
                else
                {
                    problems.Add(value.Place, keyPath, UnknownKey.Describe(key, path, type));
                }
            }
            else if (value.Kind == JsonValueKind.Null && setting.IsNullable)
            {
                setting.Property.SetValue(section, null);
            }
            else if (Value(setting, value, keyPath) is { } bound)
            {
                setting.Property.SetValue(section, bound);
            }
        }

        foreach (var setting in settings.Where(setting => setting.IsRequired && !(setting.IsInArtifacts && _hasArtifacts) && !node.Members.ContainsKey(setting.Key)))
        {
            problems.Add(node.Place, ConfigurationNode.Join(path, setting.Key), $"is missing; add {Example(setting)}.");
        }

        return section;
    }

    private object? Value(SettingDescription setting, ConfigurationNode node, string path)
    {
        var before = problems.Count;
        var value = Value(setting.Type, setting.Limits, node, path);
        if (problems.Count > before)
        {
            return null;
        }

        if (value is string text && setting.FilePath is { } file)
        {
            if (text.Length == 0)
            {
                problems.Add(node.Place, path, "is an empty string, but must be a path.");
                return null;
            }

            value = Path.GetFullPath(text, folder);
            if (file.MustExist)
            {
                RequireFile((string)value, node, path);
            }
        }

        return value;
    }

    private object? Value(Type type, LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        if (type == typeof(string))
        {
            return node.Kind == JsonValueKind.String ? node.Text : Mistyped(node, path, "a string");
        }

        if (type == typeof(bool))
        {
            return node.Kind is JsonValueKind.True or JsonValueKind.False
                ? node.Kind == JsonValueKind.True
                : Mistyped(node, path, "true or false");
        }

        if (type == typeof(int))
        {
            return Integer(limits, int.MinValue, int.MaxValue, node, path) is { } number ? (int)number : null;
        }

        if (type == typeof(long))
        {
            return Integer(limits, long.MinValue, long.MaxValue, node, path);
        }

        if (type == typeof(double))
        {
            return Number(limits, node, path);
        }

        if (type.IsEnum)
        {
            return Choice(type, node, path);
        }

        if (SettingDescription.ListItem(type) is { } item)
        {
            return List(item, limits, node, path);
        }

        if (SettingDescription.MapValue(type) is { } entry)
        {
            return Map(entry, node, path);
        }

        return Special(type, limits, node, path);
    }

    /// <summary>The types that have a short way of writing.</summary>
    private object? Special(Type type, LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        if (type == typeof(Betas))
        {
            return ReadBetas(limits, node, path);
        }

        if (type == typeof(PerGroup))
        {
            return ReadPerGroup(limits, node, path);
        }

        if (type == typeof(Epsilons))
        {
            return ReadEpsilons(limits, node, path);
        }

        if (type == typeof(DropoutChoice))
        {
            return ReadDropout(limits, node, path);
        }

        if (type == typeof(LossScaleSection) && node.Kind != JsonValueKind.Object)
        {
            return ReadLossScale(node, path);
        }

        if (type == typeof(DataFieldSource) && node is { Kind: JsonValueKind.Array, Items.Count: > 0 })
        {
            var sources = node.Items.Select((item, index) => Special(type, limits, item, $"{path}.{index}") as DataFieldSource).ToList();
            return sources.Contains(null) || sources[0] is not { } first
                ? null
                : first with { Others = [.. sources.Skip(1).OfType<DataFieldSource>()] };
        }

        if (SettingDescription.IsSection(type))
        {
            return Section(type, node, path);
        }

        if (node.Kind != JsonValueKind.String || node.Text.Length == 0)
        {
            return Mistyped(node, path, $"a string such as {SpecialForms.Example(type)}");
        }

        try
        {
            return SpecialForms.Read(type, node.Text, folder) switch
            {
                null => Mistyped(node, path, $"a string such as {SpecialForms.Example(type)}"),
                DataFieldSource source => RequireArray(source, node, path),
                var value => value,
            };
        }
        catch (ArgumentException)
        {
            // A path with a null character is the one thing Path.GetFullPath refuses.
            return Mistyped(node, path, $"a string such as {SpecialForms.Example(type)}");
        }
    }

    private double? Number(LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        if (node.Kind != JsonValueKind.Number)
        {
            Mistyped(node, path, "a number");
            return null;
        }

        var number = double.Parse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (!double.IsFinite(number))
        {
            problems.Add(node.Place, path, $"is {node.Describe()}, which is more than a 64-bit floating-point number can hold.");
            return null;
        }

        return WithinLimits(limits, number, node, path) ? number : null;
    }

    private long? Integer(LimitsAttribute? limits, long smallest, long largest, ConfigurationNode node, string path)
    {
        if (node.Kind != JsonValueKind.Number)
        {
            Mistyped(node, path, "a whole number");
            return null;
        }

        // A decimal holds every long exactly, and 5e6 is as good a whole number as 5000000.
        if (!decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            || number < smallest || number > largest)
        {
            problems.Add(node.Place, path, $"is {node.Describe()}, but must be a whole number from {smallest} to {largest}.");
            return null;
        }

        if (decimal.Truncate(number) != number)
        {
            Mistyped(node, path, "a whole number");
            return null;
        }

        return WithinLimits(limits, (double)number, node, path) ? (long)number : null;
    }

    private bool WithinLimits(LimitsAttribute? limits, double number, ConfigurationNode node, string path)
    {
        if (limits is null || limits.Allows(number))
        {
            return true;
        }

        problems.Add(node.Place, path, $"is {node.Describe()}, but must be {limits.Describe()}.");
        return false;
    }

    private object? Choice(Type type, ConfigurationNode node, string path)
    {
        var names = SettingDescription.EnumNames(type);
        var list = string.Join(", ", names.Select(name => $"\"{name.Name}\""));
        if (node.Kind != JsonValueKind.String)
        {
            return Mistyped(node, path, names.Count == 1 ? list : $"one of {list}");
        }

        if (names.FirstOrDefault(name => name.Name == node.Text) is { Name: not null } found)
        {
            return found.Value;
        }

        // With one name to choose, naming it again as a guess would say that the user misspelt what is simply not there yet.
        var near = names.Count == 1 && !string.Equals(names[0].Name, node.Text, StringComparison.OrdinalIgnoreCase)
            ? null
            : NearestName.Find(node.Text, names.Select(name => name.Name));

        // A guess serves better than a list too long to read.
        problems.Add(node.Place, path, $"is {node.Describe()}, which this version does not have"
            + (near is not null && names.Count > MostListed ? "." : $"; it has {list}.")
            + (near is null ? "" : $" Did you mean \"{near}\"?"));
        return null;
    }

    private Array? List(Type item, LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        // MMEngine accepts one scheduler in place of a list of one, so every list of sections does.
        var items = node.Kind == JsonValueKind.Object && SettingDescription.IsSection(item) ? [node] : node.Items;
        if (node.Kind != JsonValueKind.Array && items.Count == 0)
        {
            Mistyped(node, path, $"a list of {SpecialForms.Plural(item)}");
            return null;
        }

        var array = Array.CreateInstance(item, items.Count);
        for (var index = 0; index < items.Count; index++)
        {
            var itemPath = node.Kind == JsonValueKind.Array ? ConfigurationNode.Join(path, $"{index}") : path;
            if (Value(item, limits, items[index], itemPath) is { } value)
            {
                array.SetValue(value, index);
            }
        }

        return array;
    }

    private IDictionary? Map(Type entry, ConfigurationNode node, string path)
    {
        if (node.Kind != JsonValueKind.Object)
        {
            Mistyped(node, path, "an object");
            return null;
        }

        var map = (IDictionary)Activator.CreateInstance(typeof(OrderedDictionary<,>).MakeGenericType(typeof(string), entry))!;
        foreach (var (key, value) in node.Members)
        {
            var keyPath = ConfigurationNode.Join(path, key);
            if (key.Length == 0)
            {
                problems.Add(value.Place, keyPath, "has an empty name; name it or remove it.");
            }
            else if (Value(entry, null, value, keyPath) is { } bound)
            {
                map[key] = bound;
            }
        }

        return map;
    }

    private DataFieldSource? RequireArray(DataFieldSource source, ConfigurationNode node, string path)
    {
        var archive = source.Path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase);
        if (!archive && !source.Path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            problems.Add(node.Place, path, $"is {node.Describe()}, but must be a .npy file or an array of a .npz file (\"file.npz:array\").");
            return null;
        }

        return RequireFile(source.Path, node, path) ? source : null;
    }

    private bool RequireFile(string file, ConfigurationNode node, string path)
    {
        if (MissingFile.Describe(file) is { } sentence)
        {
            problems.Add(node.Place, path, sentence);
            return false;
        }

        return true;
    }

    private object? Mistyped(ConfigurationNode node, string path, string expected)
    {
        var hint = node is { Kind: JsonValueKind.String, Text: "auto" } ? " \"auto\" is not filled in here; write the value."
            : node.Kind == JsonValueKind.String && expected.Contains("number", StringComparison.Ordinal)
                && double.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                ? " Remove the quotes."
                : "";
        problems.Add(node.Place, path, $"is {node.Describe()}, but must be {expected}.{hint}");
        return null;
    }

    private static string Example(SettingDescription setting) =>
        $"\"{setting.Key}\": {SpecialForms.Example(setting.Type)}";
}
