using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrtZero.Training.Internal;

/// <summary>One key of a section, as its C# property declares it.</summary>
internal sealed class SettingDescription
{
    private SettingDescription(PropertyInfo property, NullabilityInfoContext nullability)
    {
        Property = property;
        Key = property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name
            ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
        Type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        IsNullable = nullability.Create(property).WriteState == NullabilityState.Nullable;
        IsRequired = property.GetCustomAttribute<RequiredMemberAttribute>() is not null;
        IsInArtifacts = property.GetCustomAttribute<FromArtifactsAttribute>() is not null;
        Limits = property.GetCustomAttribute<LimitsAttribute>();
        FilePath = property.GetCustomAttribute<FilePathAttribute>();
    }

    public PropertyInfo Property { get; }

    public string Key { get; }

    /// <summary>The type of the value, without the question mark.</summary>
    public Type Type { get; }

    public bool IsNullable { get; }

    public bool IsRequired { get; }

    /// <summary>Whether official training artifacts stand in for the key.</summary>
    public bool IsInArtifacts { get; }

    public LimitsAttribute? Limits { get; }

    public FilePathAttribute? FilePath { get; }

    /// <summary>The keys of a section in the order in which they are declared, its own before those it shares with others.</summary>
    public static IReadOnlyList<SettingDescription> Of(Type section)
    {
        var nullability = new NullabilityInfoContext();
        return [.. section.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.CanWrite && property.GetCustomAttribute<JsonIgnoreAttribute>() is null)
            .OrderBy(property => property.DeclaringType != section)
            .ThenBy(property => property.MetadataToken)
            .Select(property => new SettingDescription(property, nullability))];
    }

    /// <summary>Whether values of a type are objects with keys.</summary>
    public static bool IsSection(Type type) =>
        type.Namespace == typeof(TrainingConfiguration).Namespace && type.IsClass && type.GetConstructor(Type.EmptyTypes) is not null;

    /// <summary>The T of an <see cref="IReadOnlyList{T}"/>; null for other types.</summary>
    public static Type? ListItem(Type type) => Argument(type, typeof(IReadOnlyList<>), 0);

    /// <summary>The T of an <see cref="IReadOnlyDictionary{TKey, TValue}"/> by string; null for other types.</summary>
    public static Type? MapValue(Type type) => Argument(type, typeof(IReadOnlyDictionary<,>), 1);

    /// <summary>The names of an enum in cfg.json with their values.</summary>
    public static IReadOnlyList<(string Name, object Value)> EnumNames(Type type) =>
        [.. type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field =>
            (field.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? field.Name, field.GetValue(null)!))];

    private static Type? Argument(Type type, Type definition, int index) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == definition ? type.GetGenericArguments()[index] : null;
}
