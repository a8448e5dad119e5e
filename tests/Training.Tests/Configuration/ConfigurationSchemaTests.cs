using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

public sealed class ConfigurationSchemaTests
{
    private static readonly string s_path = Path.Combine(RepositoryPaths.Root, "docs", "cfg.schema.json");
    private static readonly JsonDocumentOptions s_reading = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    [Fact]
    public void The_committed_schema_is_current()
    {
        var generated = ConfigurationSchema.Generate();
        if (Environment.GetEnvironmentVariable("ORTZERO_UPDATE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(s_path)!);
            File.WriteAllText(s_path, generated);
        }

        Assert.True(
            File.Exists(s_path) && File.ReadAllText(s_path) == generated,
            "docs/cfg.schema.json is not what the configuration's types say; run the tests once with ORTZERO_UPDATE=1 and commit the file.");
    }

    [Fact]
    public void Every_key_has_a_description()
    {
        var undescribed = new List<string>();
        Visit(JsonNode.Parse(ConfigurationSchema.Generate())!, "");
        Assert.Empty(undescribed);

        void Visit(JsonNode schema, string path)
        {
            foreach (var choice in schema["anyOf"]?.AsArray() ?? [])
            {
                Visit(choice!, path);
            }

            foreach (var (key, property) in schema["properties"]?.AsObject() ?? [])
            {
                if (property!["description"]?.GetValue<string>() is null or "")
                {
                    undescribed.Add($"{path}.{key}");
                }

                Visit(property, $"{path}.{key}");
            }
        }
    }

    [Fact]
    public void The_configurations_of_the_examples_fit_the_schema()
    {
        var examples = Directory.GetFiles(Path.Combine(RepositoryPaths.Root, "examples"), "cfg*.json", SearchOption.AllDirectories)
            .Where(path => !path.Contains("node_modules", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(examples);
        Assert.All(examples, path => Assert.Empty(Mistakes(File.ReadAllText(path))));
    }

    [Fact]
    public void A_full_configuration_fits_the_schema()
    {
        Assert.Empty(Mistakes(ConfigurationFolder.Valid));
    }

    [Theory]
    [InlineData("\"micro_batch_size\": 8", "\"micro_batch_size\": 0")]
    [InlineData("\"micro_batch_size\": 8", "\"micro_batch_size\": 8.5")]
    [InlineData("\"micro_batch_size\": 8,", "")]
    [InlineData("\"micro_batch_size\": 8", "\"micro_batch_sizes\": 8")]
    [InlineData("\"AdamW\"", "\"AdamX\"")]
    [InlineData("[0.9, 0.95]", "[0.9]")]
    [InlineData("\"dynamic\"", "\"static\"")]
    [InlineData("\"LinearLR\"", "5")]
    [InlineData("{ \"lr_mult\": 0.1 }", "{ \"lr_mul\": 0.1 }")]
    public void A_mistake_does_not_fit_the_schema(string text, string replacement)
    {
        Assert.NotEmpty(Mistakes(ConfigurationFolder.Valid.Replace(text, replacement, StringComparison.Ordinal)));
    }

    private static List<string> Mistakes(string json)
    {
        using var document = JsonDocument.Parse(json, s_reading);
        return SchemaCheck.Mistakes(JsonNode.Parse(ConfigurationSchema.Generate())!.AsObject(), document.RootElement, "");
    }
}
