using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

/// <summary>
/// Every key of the committed schema with every value the schema forbids: reading it ends in a sentence about the key, and what
/// the schema allows never ends in anything but success or a sentence.
/// </summary>
public sealed class SchemaKeyTests : IDisposable
{
    private static readonly JsonObject s_schema = JsonNode.Parse(
        File.ReadAllText(Path.Combine(RepositoryPaths.Root, "docs", "cfg.schema.json")))!.AsObject();

    private static readonly string[] s_values =
    [
        "null", "true", "false", "\"\"", "\"nonsense\"", "\"auto\"", "0", "1", "-1", "0.5", "2.5", "1e30", "1e400", "-1e400", "[]", "[1]", "[\"nonsense\"]",
        "[null]", "[[]]", "[{}]", "{}", "{\"nonsense\": 1}", "{\"\": null}", "[0]", "[-1]", "[1e400]", "[\"\"]", "[true]", "[1, 2, 3, 4, 5, 6, 7]",
    ];

    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Keys()
    {
        var keys = new TheoryData<string>();
        Visit(s_schema, "", (path, _) => keys.Add(path));
        return keys;
    }

    [Fact]
    public void The_schema_has_every_key_that_can_be_set() =>
        Assert.Equal(Paths(EveryKeyTests.Keys()).Order(), Paths(Keys()).Distinct().Order());

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_value_the_schema_forbids_is_a_sentence_and_never_another_exception(string path)
    {
        var forbidden = 0;
        foreach (var text in s_values.Concat(Limits(path)))
        {
            var root = JsonNode.Parse(ConfigurationFolder.Valid)!.AsObject();
            var value = text.Contains("e400", StringComparison.Ordinal) ? $"<{text}>" : text;
            Set(s_schema, root, path.Split('/'), value.StartsWith('<') ? JsonValue.Create(value) : JsonNode.Parse(value));
            var json = root.ToJsonString().Replace($"\"\\u003C{text}\\u003E\"", text, StringComparison.Ordinal);
            using var document = JsonDocument.Parse(json);
            var fits = !text.Contains("e400", StringComparison.Ordinal) && SchemaCheck.Mistakes(s_schema, document.RootElement, "").Count == 0;
            var exception = Record.Exception(() => _folder.Load(json));
            if (fits && exception is null)
            {
                continue;
            }

            var problems = Assert.IsType<ConfigurationException>(exception).Problems;
            Assert.Equal(ExitCodes.BadInput, ExitCodes.Of(exception!));
            Assert.All(problems, problem => Assert.Matches("^cfg|^/|^[^ ]*cfg\\.json line [0-9]+: [^\\n]+[.?]$", problem));
            Assert.All(problems, problem => Assert.DoesNotContain("Exception", problem, StringComparison.Ordinal));
            if (!fits)
            {
                forbidden++;
                var (full, single) = Written(path);
                Assert.True(
                    problems.Any(problem => Names(problem, full) || Names(problem, single)),
                    $"{text} for {full} is answered without its key path: {string.Join('\n', problems)}");
            }
        }

        Assert.True(forbidden >= 8, $"The schema forbids only {forbidden} of the values.");
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_key_beside_it_that_is_misspelt_is_answered_with_its_path_and_the_right_one(string path)
    {
        // Every key in place of which there can be another: with two letters changing places.
        var key = path.Split('/')[^1];
        var wrong = key.Length < 3 ? $"{key}x" : $"{key[..^2]}{key[^1]}{key[^2]}{(key[^1] == key[^2] ? "x" : "")}";
        var root = JsonNode.Parse(ConfigurationFolder.Valid)!.AsObject();
        var steps = path.Split('/');
        Set(s_schema, root, [.. steps[..^1], wrong], 1);
        var problems = Assert.IsType<ConfigurationException>(Record.Exception(() => _folder.Load(root.ToJsonString()))).Problems;

        var (full, single) = Written(string.Join('/', [.. steps[..^1], wrong]));
        Assert.Contains(problems, problem =>
            (Names(problem, full) || Names(problem, single)) && problem.EndsWith($"is not a known key; did you mean \"{key}\"?", StringComparison.Ordinal));
    }

    // As errors write a path; one object that stands for a list of one has no index.
    private static (string Full, string Single) Written(string path)
    {
        var steps = path.Split('/').Select(step => step.Contains('.', StringComparison.Ordinal) ? $"\"{step}\"" : step).ToList();
        return (string.Join('.', steps), string.Join('.', steps.Where(step => !char.IsAsciiDigit(step[0]))));
    }

    // "place: path sentence", or a sentence about something within.
    private static bool Names(string problem, string path) =>
        problem.Contains($": {path} ", StringComparison.Ordinal) || problem.Contains($": {path}.", StringComparison.Ordinal) || problem.Contains($" {path} ", StringComparison.Ordinal);

    private static IEnumerable<string> Paths(IEnumerable<object[]> rows) => rows.Select(row => (string)row[0]);

    // Just outside of what the schema allows a number to be.
    private static List<string> Limits(string path)
    {
        var values = new List<string>();
        Visit(s_schema, "", (key, schema) =>
        {
            foreach (var choice in key == path ? Choices(schema) : [])
            {
                foreach (var (keyword, offset) in new[] { ("minimum", -1.0), ("exclusiveMinimum", 0), ("maximum", 1), ("exclusiveMaximum", 0) })
                {
                    if (choice[keyword] is { } limit)
                    {
                        values.Add(JsonSerializer.Serialize(limit.GetValue<double>() + offset));
                    }
                }
            }
        });
        return values;
    }

    private static IEnumerable<JsonObject> Choices(JsonObject schema) =>
        schema["anyOf"] is JsonArray choices ? choices.SelectMany(choice => Choices(choice!.AsObject())) : [schema];

    private static void Visit(JsonObject schema, string path, Action<string, JsonObject> found)
    {
        // One object may stand for a list of one; its keys are those of the list's items.
        var choices = Choices(schema).ToList();
        var lists = choices.FindAll(choice => choice["items"]?["properties"] is not null);
        foreach (var choice in lists.Count > 0 ? lists : choices)
        {
            // What is only described is a key of DeepSpeed that may be anything.
            foreach (var (key, property) in (choice["properties"]?.AsObject() ?? []).Where(entry => entry.Value!.AsObject().Any(keyword => keyword.Key != "description")))
            {
                var keyPath = path.Length == 0 ? key : $"{path}/{key}";
                found(keyPath, property!.AsObject());
                if (key != "loss_scale")
                {
                    Visit(property.AsObject(), keyPath, found);
                }
            }

            if (choice["additionalProperties"] is JsonObject entry && entry["properties"] is not null)
            {
                Visit(entry, $"{path}/encoder.", found);
            }

            if (choice["items"] is JsonObject item && item["properties"] is not null)
            {
                Visit(item, $"{path}/0", found);
            }
        }
    }

    // Sections the valid file does not have are made with what they require.
    private static void Set(JsonObject schema, JsonNode node, ReadOnlySpan<string> steps, JsonNode? value)
    {
        if (steps.Length == 1)
        {
            node[steps[0]] = value;
            return;
        }

        var step = steps[0];
        var isList = char.IsAsciiDigit(step[0]);
        var next = Choices(schema).Select(choice => isList ? choice["items"] : choice["properties"]?[step] ?? choice["additionalProperties"])
            .OfType<JsonObject>().First();
        if (isList)
        {
            if (node is JsonObject)
            {
                // One object stands for a list of one.
                Set(next, node, steps[1..], value);
                return;
            }

            var list = node.AsArray();
            if (list.Count == 0)
            {
                list.Add(Minimal(next));
            }

            Set(next, list[0]!, steps[1..], value);
            return;
        }

        node[steps[0]] ??= char.IsAsciiDigit(steps[1][0]) ? new JsonArray() : Minimal(next);
        Set(next, node[steps[0]]!, steps[1..], value);
    }

    private static JsonObject Minimal(JsonObject schema)
    {
        var section = new JsonObject();
        foreach (var choice in Choices(schema).Where(choice => choice["required"] is not null))
        {
            foreach (var key in choice["required"]!.AsArray())
            {
                var name = key!.GetValue<string>();
                var property = choice["properties"]![name]!;
                section[name] = property["type"]?.GetValue<string>() switch
                {
                    "string" => "x",
                    "array" => new JsonArray(property["items"]!["type"]?.GetValue<string>() == "string" ? "x" : 1),
                    _ => 0.5,
                };
            }
        }

        return section;
    }
}
