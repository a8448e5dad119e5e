namespace OrtZero.Training.Internal;

/// <summary>How values that are more than a number or a string are written, in words for messages and as readers.</summary>
internal static class SpecialForms
{
    /// <summary>Reads a type that is written as a string; null when the text does not fit.</summary>
    public static object? Read(Type type, string text, string folder)
    {
        if (type == typeof(DataFieldSource))
        {
            return DataFieldSource.Parse(text, folder);
        }

        if (type == typeof(ResumeChoice))
        {
            return ResumeChoice.Parse(text, folder);
        }

        if (type == typeof(MemorySize))
        {
            return MemorySize.TryParse(text);
        }

        return type == typeof(CoordinatorAddress)
            ? CoordinatorAddress.TryParse(text)
            : throw new InvalidOperationException($"No way of writing is defined for {type.Name}.");
    }

    /// <summary>A value of a type as it would stand in cfg.json.</summary>
    public static string Example(Type type)
    {
        if (type == typeof(DataFieldSource))
        {
            return "\"train.npy\" or \"train.npz:images\"";
        }

        if (type == typeof(ResumeChoice))
        {
            return "\"auto\", \"none\" or the path of a checkpoint";
        }

        if (type == typeof(CoordinatorAddress))
        {
            return "\"embedded\", \"none\" or \"host:5050\"";
        }

        if (type == typeof(MemorySize))
        {
            return "\"64MiB\"";
        }

        if (type.IsEnum)
        {
            return string.Join(" or ", SettingDescription.EnumNames(type).Take(6).Select(name => $"\"{name.Name}\""));
        }

        if (type == typeof(double))
        {
            return "1e-4";
        }

        if (type == typeof(int) || type == typeof(long))
        {
            return "8";
        }

        return type == typeof(string) ? "\"…\"" : "{ … }";
    }

    /// <summary>What the items of a list are called.</summary>
    public static string Plural(Type item) => item == typeof(string) ? "strings"
        : item == typeof(int) || item == typeof(long) ? "whole numbers"
        : item == typeof(double) ? "numbers"
        : item.IsEnum ? $"names such as \"{SettingDescription.EnumNames(item)[0].Name}\""
        : "objects";
}
