namespace OrtZero.Training;

/// <summary>
/// One change to cfg.json from the command line: <c>path.to.key=value</c>. A step of the path is a key, the position in a
/// list (<c>param_scheduler.0.end=3</c>), or a key in double quotes where it has dots itself
/// (<c>optim_wrapper.paramwise_cfg.custom_keys."projector.".lr_mult=0.5</c>). The value is read as JSON, and as a plain
/// string when it is no JSON. Sections on the way that the file does not have are added; null removes a setting.
/// </summary>
/// <param name="Path">The steps.</param>
/// <param name="Value">The text behind the equals sign.</param>
public sealed record ConfigurationOverride(IReadOnlyList<string> Path, string Value)
{
    /// <summary>Splits the text of a <c>--set</c> option.</summary>
    /// <exception cref="ConfigurationException">The text has no equals sign, an empty step or an unclosed quote.</exception>
    public static ConfigurationOverride Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var steps = new List<string>();
        var at = 0;
        while (true)
        {
            var quoted = at < text.Length && text[at] == '"';
            var end = quoted ? text.IndexOf('"', at + 1) : text.AsSpan(at).IndexOfAny('.', '=') + at;
            if (end <= at)
            {
                throw Malformed(text);
            }

            steps.Add(quoted ? text[(at + 1)..end] : text[at..end].Trim());
            end += quoted ? 1 : 0;
            if (end >= text.Length || text[end] is not ('.' or '=') || steps[^1].Length == 0)
            {
                throw Malformed(text);
            }

            if (text[end] == '=')
            {
                return new ConfigurationOverride(steps, text[(end + 1)..].Trim());
            }

            at = end + 1;
        }
    }

    private static ConfigurationException Malformed(string text) =>
        new([$"--set {text}: this is not path.to.key=value; write for example --set optim_wrapper.optimizer.lr=1e-4."]);
}
