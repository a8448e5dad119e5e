using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <content>Values that a number or a list may stand for.</content>
internal sealed partial class ConfigurationBinder
{
    private Betas? ReadBetas(LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        if (node.Kind != JsonValueKind.Array || node.Items.Count != 2)
        {
            Mistyped(node, path, "a list of two numbers such as [0.9, 0.999]");
            return null;
        }

        var first = Number(limits, node.Items[0], $"{path}.0");
        var second = Number(limits, node.Items[1], $"{path}.1");
        return first is null || second is null ? null : new Betas(first.Value, second.Value);
    }

    private PerGroup? ReadPerGroup(LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        if (node.Kind == JsonValueKind.Array && node.Items.Count > 0)
        {
            var numbers = node.Items.Select((item, index) => Number(limits, item, $"{path}.{index}")).ToList();
            return numbers.Contains(null) ? null : new PerGroup([.. numbers.Select(number => number!.Value)], true);
        }

        if (node.Kind != JsonValueKind.Number)
        {
            Mistyped(node, path, "a number, or a list with one number for each group");
            return null;
        }

        return Number(limits, node, path) is { } value ? PerGroup.FromDouble(value) : null;
    }

    private DropoutChoice? ReadDropout(LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        switch (node.Kind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                return new DropoutChoice(node.Kind == JsonValueKind.True, null);
            case JsonValueKind.Number:
                return Number(limits, node, path) is { } rate ? new DropoutChoice(true, rate) : null;
            default:
                Mistyped(node, path, "true, false or a rate such as 0.1");
                return null;
        }
    }

    private Epsilons? ReadEpsilons(LimitsAttribute? limits, ConfigurationNode node, string path)
    {
        if (node.Kind == JsonValueKind.Number)
        {
            return Number(limits, node, path) is { } number ? new Epsilons(number, null) : null;
        }

        if (node.Kind != JsonValueKind.Array || node.Items.Count != 2)
        {
            Mistyped(node, path, "a number such as 1e-8, or for Adafactor a list of two such as [null, 1e-3]");
            return null;
        }

        var isDefault = node.Items[0].Kind == JsonValueKind.Null;
        var first = isDefault ? null : Number(limits, node.Items[0], $"{path}.0");
        var second = Number(limits, node.Items[1], $"{path}.1");
        return second is null || (first is null && !isDefault) ? null : new Epsilons(first, second);
    }

    private LossScaleSection? ReadLossScale(ConfigurationNode node, string path)
    {
        if (node is { Kind: JsonValueKind.String, Text: "dynamic" })
        {
            return new LossScaleSection();
        }

        if (node.Kind != JsonValueKind.Number)
        {
            Mistyped(node, path, "\"dynamic\", a number or an object such as {\"init_scale\": 65536}");
            return null;
        }

        return Number(new LimitsAttribute { Above = 0 }, node, path) is { } scale
            ? new LossScaleSection { InitScale = scale, Dynamic = false }
            : null;
    }
}
