using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace OrtZero.Training.Internal;

/// <summary>Reads doc comments back from the XML file that the compiler writes beside the assembly.</summary>
internal static partial class DocComments
{
    private static readonly Lazy<Dictionary<string, XElement>> s_members = new(Load);

    /// <summary>A property's summary as plain text; null when the XML file is not there.</summary>
    public static string? Summary(PropertyInfo property)
    {
        if (!s_members.Value.TryGetValue($"P:{property.DeclaringType!.FullName}.{property.Name}", out var member))
        {
            return null;
        }

        var text = new StringBuilder();
        foreach (var node in member.Element("summary")!.Nodes())
        {
            text.Append(node switch
            {
                XText words => words.Value,
                XElement { FirstAttribute: { } target } => KeyOf(target.Value),
                XElement element => element.Value,
                _ => "",
            });
        }

        return Spaces().Replace(text.ToString(), " ").Trim();
    }

    /// <summary>What a reference to a property is called in cfg.json.</summary>
    private static string KeyOf(string reference) => JsonNamingPolicy.SnakeCaseLower.ConvertName(reference[(reference.LastIndexOf('.') + 1)..]);

    private static Dictionary<string, XElement> Load()
    {
        var assembly = typeof(DocComments).Assembly;
        var path = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        if (!File.Exists(path))
        {
            return [];
        }

        using var reader = XmlReader.Create(path);
        return XDocument.Load(reader).Descendants("member").ToDictionary(member => (string)member.Attribute("name")!);
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
