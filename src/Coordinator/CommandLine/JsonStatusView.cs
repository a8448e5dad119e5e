using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using OrtZero.Coordinator.Protocol;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// One JSON object per line with the field names of coordinator.proto. Unlike the mapping of protobuf itself, 64-bit integers are
/// numbers, absent fields are null, and states are lower-case words. Numbers that are not finite are the strings "NaN",
/// "Infinity" and "-Infinity".
/// </summary>
internal sealed class JsonStatusView(TextWriter output) : IStatusView
{
    public void Show(RunStatus status)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            Write(json, status);
        }

        output.WriteLine(Encoding.UTF8.GetString(bytes.ToArray()));
        output.Flush();
    }

    private static void Write(Utf8JsonWriter json, IMessage message)
    {
        json.WriteStartObject();
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            json.WritePropertyName(field.Name);
            if (field.IsRepeated)
            {
                json.WriteStartArray();
                foreach (var item in (IList)field.Accessor.GetValue(message))
                {
                    Write(json, field, item);
                }

                json.WriteEndArray();
            }
            else if (field.HasPresence && !field.Accessor.HasValue(message))
            {
                json.WriteNullValue();
            }
            else
            {
                Write(json, field, field.Accessor.GetValue(message));
            }
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, FieldDescriptor field, object value)
    {
        switch (value)
        {
            case IMessage message: Write(json, message); break;
            case string text: json.WriteStringValue(text); break;
            case int number: json.WriteNumberValue(number); break;
            case long number: json.WriteNumberValue(number); break;
            case double number when double.IsFinite(number): json.WriteNumberValue(number); break;
            case double number: json.WriteStringValue(number.ToString(CultureInfo.InvariantCulture)); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case Enum: json.WriteStringValue(Word(field, value)); break;
            default: throw new NotSupportedException($"The field {field.FullName} has a type that is not written as JSON.");
        }
    }

    /// <summary>RUN_STATE_NO_RUN of the enum RunState is "no_run".</summary>
    private static string Word(FieldDescriptor field, object value)
    {
        var prefix = string.Concat(field.EnumType.Name.Select((letter, i) => i > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{letter}")) + "_";
        return field.EnumType.FindValueByNumber((int)value)?.Name[prefix.Length..].ToLowerInvariant() ?? "unknown";
    }
}
