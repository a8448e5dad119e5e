using System.Globalization;
using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>Applies the changes of the command line to the nodes of the file.</summary>
internal static class OverrideApplier
{
    public static void Apply(ConfigurationNode root, IReadOnlyList<string> overrides, ConfigurationProblems problems)
    {
        foreach (var text in overrides)
        {
            try
            {
                Apply(root, ConfigurationOverride.Parse(text), $"--set {text}", problems);
            }
            catch (ConfigurationException exception)
            {
                problems.AddSentence(exception.Message);
            }
        }
    }

    private static void Apply(ConfigurationNode root, ConfigurationOverride change, string place, ConfigurationProblems problems)
    {
        var value = ConfigurationParser.ParseOverride(change.Value, place);
        var node = root;
        var path = "";
        for (var index = 0; index < change.Path.Count; index++)
        {
            var step = change.Path[index];
            var stepPath = ConfigurationNode.Join(path, step);
            var last = index == change.Path.Count - 1;
            if (node.Kind == JsonValueKind.Array)
            {
                if (!int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var position) || position >= node.Items.Count)
                {
                    problems.Add(place, stepPath, node.Items.Count == 0
                        ? $"does not exist, since {path} is an empty list."
                        : $"does not exist; {path} is a list whose items are 0 to {node.Items.Count - 1}.");
                    return;
                }

                node = last ? node.Items[position] = value : node.Items[position];
            }
            else if (node.Kind != JsonValueKind.Object)
            {
                problems.Add(place, stepPath, $"cannot be set, since {path} is {node.Describe()}; set {path} as a whole.");
                return;
            }
            else if (last)
            {
                node.Members[step] = value;
            }
            else
            {
                if (!node.Members.TryGetValue(step, out var next) || next.Kind == JsonValueKind.Null)
                {
                    next = node.Members[step] = ConfigurationNode.Object(place);
                }

                node = next;
            }

            path = stepPath;
        }
    }
}
