using System.Text.Json;

namespace OrtZero.EndToEnd;

/// <summary><c>rankworker groups</c> against MMEngine's DefaultOptimWrapperConstructor.</summary>
public sealed class GroupsTests
{
    [Theory]
    [InlineData("plain")]
    [InlineData("llava_seed")]
    [InlineData("three_modules")]
    [InlineData("norm_bias")]
    [InlineData("dw_flat")]
    [InlineData("longest_key_wins")]
    public void Groups_prints_what_MMEngine_resolves(string name)
    {
        var golden = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("golden", "paramwise.json"))).RootElement
            .GetProperty("cases").EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);
        using var job = Job.Vlm().With("optim_wrapper", golden.GetProperty("optim_wrapper").GetRawText());
        var parameters = Groups(job);

        var expected = golden.GetProperty("expected").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value);
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), parameters.Select(Name).Order(StringComparer.Ordinal));
        var shapes = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("vlm", "params.json"))).RootElement;
        Assert.All(parameters, parameter =>
        {
            var settings = expected[Name(parameter)];
            Assert.Equal(
                (settings.GetProperty("lr").GetDouble(), settings.GetProperty("weight_decay").GetDouble(), settings.GetProperty("betas").ToString()),
                (parameter.GetProperty("lr").GetDouble(), parameter.GetProperty("weight_decay").GetDouble(), Compact(parameter.GetProperty("betas"))));
            Assert.Equal(Compact(shapes.GetProperty(Name(parameter))), Compact(parameter.GetProperty("shape")));
            Assert.False(parameter.GetProperty("frozen").GetBoolean());
            Assert.NotEqual("", parameter.GetProperty("kind").GetString());
            Assert.NotEqual("", parameter.GetProperty("reason").GetString());
        });
    }

    [Theory]
    [InlineData("vlm")]
    [InlineData("gpt_nano")]
    [InlineData("bert")]
    public void The_recipes_of_the_goldens_decay_what_has_two_axes_or_more(string name)
    {
        var golden = Golden.Of(name);
        using var job = golden.JobFor(1, 0);
        Assert.All(Groups(job), parameter => Assert.Equal(
            (Name(parameter), parameter.GetProperty("shape").GetArrayLength() >= 2 ? golden.WeightDecay : 0),
            (Name(parameter), parameter.GetProperty("weight_decay").GetDouble())));
    }

    [Fact]
    public void Frozen_parameters_are_listed_as_frozen()
    {
        using var job = Job.Vlm().With("model.frozen", """["visual_encoder.patch"]""");
        var frozen = Groups(job).Where(parameter => parameter.GetProperty("frozen").GetBoolean()).Select(Name);
        Assert.Equal(["visual_encoder.patch.bias", "visual_encoder.patch.weight"], frozen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Without_json_it_prints_a_table_with_a_line_per_parameter()
    {
        using var job = Job.Bert();
        var lines = ProgramRun.Train(1, "groups", job.Configuration).Output.Split('\n');
        Assert.All(Groups(job), parameter => Assert.Single(lines, line => line.TrimStart().StartsWith(Name(parameter) + " ", StringComparison.Ordinal)));
    }

    private static List<JsonElement> Groups(Job job) =>
        [.. JsonDocument.Parse(ProgramRun.Train(1, "groups", job.Configuration, "--json").Output).RootElement.GetProperty("parameters").EnumerateArray()];

    private static string Name(JsonElement parameter) => parameter.GetProperty("name").GetString()!;

    private static string Compact(JsonElement array) => $"[{string.Join(", ", array.EnumerateArray().Select(element => element.GetRawText()))}]";
}
