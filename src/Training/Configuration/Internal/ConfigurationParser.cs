using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace OrtZero.Training.Internal;

/// <summary>Reads JSON, comments and trailing commas included, into nodes that know their line.</summary>
internal ref struct ConfigurationParser
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly string _file;
    private readonly ConfigurationProblems _problems;
    private Utf8JsonReader _reader;
    private int _line = 1;
    private int _counted;

    private ConfigurationParser(ReadOnlySpan<byte> bytes, string file, ConfigurationProblems problems)
    {
        _bytes = bytes;
        _file = file;
        _problems = problems;
        _reader = new Utf8JsonReader(bytes, new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
    }

    /// <summary>Reads a whole file; null, with the reason among the problems, when it is not JSON.</summary>
    public static ConfigurationNode? ParseFile(ReadOnlySpan<byte> bytes, string file, ConfigurationProblems problems)
    {
        if (bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        }

        if (!Utf8.IsValid(bytes))
        {
            problems.Add(file, "", "this is not UTF-8 text; save it in UTF-8.");
            return null;
        }

        var parser = new ConfigurationParser(bytes, file, problems);
        try
        {
            parser._reader.Read();
            var root = parser.Value("");
            parser._reader.Read();
            return root;
        }
        catch (JsonException exception)
        {
            problems.Add(parser.PlaceOf(exception), "", $"this is not JSON: {Reason(exception)}");
        }
        catch (InvalidOperationException)
        {
            problems.Add(parser.Place(), "", "this string has an incomplete \\u escape; write both halves of a surrogate pair.");
        }

        return null;
    }

    /// <summary>Reads the value of an override: JSON, else a plain string.</summary>
    public static ConfigurationNode ParseOverride(string text, string place)
    {
        var ignored = new ConfigurationProblems();
        var parser = new ConfigurationParser(Encoding.UTF8.GetBytes(text), place, ignored) { _line = 0 };
        try
        {
            parser._reader.Read();
            var value = parser.Value("");
            parser._reader.Read();
            return ignored.Count == 0 ? value : ConfigurationNode.Leaf(JsonValueKind.String, place, text);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return ConfigurationNode.Leaf(JsonValueKind.String, place, text);
        }
    }

    private ConfigurationNode Value(string path)
    {
        var place = Place();
        switch (_reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject(path, place);
            case JsonTokenType.StartArray:
                var list = ConfigurationNode.List(place);
                while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
                {
                    list.Items.Add(Value(ConfigurationNode.Join(path, $"{list.Items.Count}")));
                }

                return list;
            case JsonTokenType.String:
                return ConfigurationNode.Leaf(JsonValueKind.String, place, _reader.GetString()!);
            case JsonTokenType.Number:
                return ConfigurationNode.Leaf(JsonValueKind.Number, place, Encoding.UTF8.GetString(_reader.ValueSpan));
            case JsonTokenType.True:
                return ConfigurationNode.Leaf(JsonValueKind.True, place);
            case JsonTokenType.False:
                return ConfigurationNode.Leaf(JsonValueKind.False, place);
            default:
                return ConfigurationNode.Leaf(JsonValueKind.Null, place);
        }
    }

    private ConfigurationNode ReadObject(string path, string place)
    {
        var section = ConfigurationNode.Object(place);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            var key = _reader.GetString()!;
            var keyPath = ConfigurationNode.Join(path, key);
            if (section.Members.TryGetValue(key, out var first))
            {
                _problems.Add(Place(), keyPath, $"is given twice, the first time in {first.Place}; remove one of them.");
            }

            _reader.Read();
            section.Members[key] = Value(keyPath);
        }

        return section;
    }

    /// <summary>The file and line of the current token; an override has no line.</summary>
    private string Place()
    {
        if (_line == 0)
        {
            return _file;
        }

        var start = (int)_reader.TokenStartIndex;
        _line += _bytes[_counted..start].Count((byte)'\n');
        _counted = start;
        return $"{_file} line {_line}";
    }

    private readonly string PlaceOf(JsonException exception)
    {
        var line = (int)(exception.LineNumber ?? 0);
        var start = 0;
        for (var skipped = 0; skipped < line; skipped++)
        {
            start += _bytes[start..].IndexOf((byte)'\n') + 1;
        }

        var length = Math.Min((int)(exception.BytePositionInLine ?? 0), _bytes.Length - start);
        return $"{_file} line {line + 1} column {Encoding.UTF8.GetCharCount(_bytes.Slice(start, length)) + 1}";
    }

    /// <summary>The reader's own words without the position it appends, counted from zero.</summary>
    private static string Reason(JsonException exception)
    {
        var end = exception.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var words = end < 0 ? exception.Message : exception.Message[..end];
        return words.Length > 1 ? char.ToLowerInvariant(words[0]) + words[1..] : words;
    }
}
