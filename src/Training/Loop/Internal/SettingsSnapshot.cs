using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>
/// The settings that what is trained depends on, by their place in cfg.json: kept in checkpoints, to say what is different when a run
/// goes on. What it runs on, where its files are and what it reports is left out.
/// </summary>
internal static class SettingsSnapshot
{
    private static readonly string[] s_sections = ["model", "data", "train_cfg", "optim_wrapper", "param_scheduler", "randomness"];

    // The samples of an update are compared as one number, because other ranks with other counts may be the same.
    private static readonly string[] s_left =
    [
        "model.path", "model.artifacts", "data.train.fields", "data.train.type", "data.val", "train_cfg.val_interval", "train_cfg.by_epoch",
        "optim_wrapper.accumulative_counts",
    ];

    /// <summary>The settings in effect: place and value as it would be written in cfg.json. Those that are not set are left out.</summary>
    internal static SortedDictionary<string, string> Of(TrainingConfiguration configuration)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var setting in SettingDescription.Of(typeof(TrainingConfiguration)).Where(setting => s_sections.Contains(setting.Key)))
        {
            Collect(setting.Key, setting.Property.GetValue(configuration), settings);
        }

        return settings;
    }

    /// <summary>A sentence for every setting that is different now, in the order of their places.</summary>
    /// <param name="saved">Those of a checkpoint.</param>
    /// <param name="now">Those in effect, which count.</param>
    /// <param name="checkpoint">The name of the checkpoint.</param>
    internal static IEnumerable<string> Differences(
        IReadOnlyDictionary<string, string> saved, IReadOnlyDictionary<string, string> now, string checkpoint)
    {
        foreach (var key in saved.Keys.Union(now.Keys).Order(StringComparer.Ordinal))
        {
            var (before, after) = (saved.GetValueOrDefault(key), now.GetValueOrDefault(key));
            if (before != after)
            {
                yield return after is null
                    ? $"{key} is not set now, but was {before} when {checkpoint} was written: cfg.json counts."
                    : $"{key} is {after}, but {(before is null ? "was not set" : $"was {before}")} when {checkpoint} was written: cfg.json counts.";
            }
        }
    }

    private static void Collect(string key, object? value, SortedDictionary<string, string> settings)
    {
        if (value is null || s_left.Contains(key))
        {
            return;
        }

        if (SettingDescription.IsSection(value.GetType()))
        {
            foreach (var setting in SettingDescription.Of(value.GetType()))
            {
                Collect($"{key}.{setting.Key}", setting.Property.GetValue(value), settings);
            }
        }
        else if (SettingDescription.MapValue(value.GetType()) is not null || value is IDictionary)
        {
            foreach (DictionaryEntry entry in (IDictionary)value)
            {
                Collect($"{key}[\"{entry.Key}\"]", entry.Value, settings);
            }
        }
        else if (value is IEnumerable list and not string && list.Cast<object>().ToList() is var items && items.Exists(item => SettingDescription.IsSection(item.GetType())))
        {
            foreach (var (index, item) in items.Index())
            {
                Collect(string.Create(CultureInfo.InvariantCulture, $"{key}.{index}"), item, settings);
            }
        }
        else
        {
            settings[key] = Text(value);
        }
    }

    private static string Text(object value) => value switch
    {
        Enum choice => $"\"{SettingDescription.EnumNames(choice.GetType()).First(name => name.Value.Equals(choice)).Name}\"",
        DropoutChoice dropout => dropout.Rate is { } rate ? JsonSerializer.Serialize(rate) : JsonSerializer.Serialize(dropout.IsOn),
        Betas betas => JsonSerializer.Serialize((double[])[betas.First, betas.Second]),
        Epsilons { Second: { } second } pair => JsonSerializer.Serialize((double?[])[pair.First, second]),
        Epsilons { First: var epsilon } => JsonSerializer.Serialize(epsilon),
        _ => JsonSerializer.Serialize(value),
    };
}
