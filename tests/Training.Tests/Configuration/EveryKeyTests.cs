using System.Text.Json.Nodes;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

/// <summary>Every key there is, with every kind of value that does not belong there.</summary>
public sealed class EveryKeyTests : IDisposable
{
    private static readonly string[] s_values = ["null", "true", "\"\"", "\"nonsense\"", "-7", "0.5", "1e400", "1e30", "[]", "{}", "[[]]", "{\"nonsense\": 1}", "[null]"];

    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Keys()
    {
        var keys = new TheoryData<string>();
        Collect(typeof(TrainingConfiguration), "", keys);
        return keys;
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_value_that_does_not_fit_is_a_sentence_about_its_key(string path)
    {
        var mistakes = 0;
        foreach (var value in s_values)
        {
            try
            {
                _folder.LoadWith(path, JsonNode.Parse(value));
            }
            catch (ConfigurationException exception)
            {
                mistakes++;
                var section = path.Split('/')[0];
                Assert.Contains(exception.Problems, problem => problem.Contains(section, StringComparison.Ordinal));
                Assert.All(exception.Problems, problem => Assert.Matches("^[^\\n]*cfg\\.json line [0-9]+: [^\\n]+[.?]$", problem));
                Assert.All(exception.Problems, problem => Assert.DoesNotContain("System.", problem, StringComparison.Ordinal));
            }
        }

        Assert.True(mistakes >= s_values.Length / 2, $"Only {mistakes} of {s_values.Length} values were refused.");
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_misspelt_key_is_answered_with_the_right_one(string path)
    {
        var key = path.Split('/')[^1];
        var problems = _folder.ProblemsWith($"{path}x", 1);

        Assert.Contains(problems, problem => problem.EndsWith($"is not a known key; did you mean \"{key}\"?", StringComparison.Ordinal));
    }

    private static void Collect(Type section, string path, TheoryData<string> keys)
    {
        foreach (var setting in SettingDescription.Of(section))
        {
            var settingPath = path.Length == 0 ? setting.Key : $"{path}/{setting.Key}";
            keys.Add(settingPath);
            var (type, step) = SettingDescription.MapValue(setting.Type) is { } value ? (value, "/encoder.") : (setting.Type, "");
            if (SettingDescription.ListItem(type) is { } item && SettingDescription.IsSection(item))
            {
                (type, step) = (item, "/0");
            }

            if (SettingDescription.IsSection(type) && type != typeof(LossScaleSection))
            {
                Collect(type, settingPath + step, keys);
            }
        }
    }
}
