using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>A hash of all settings in effect, by which ranks find out whether they were told the same.</summary>
internal static class ConfigurationFingerprint
{
    /// <summary>SHA-256, hexadecimal. Paths count relative to cfg.json, which may lie elsewhere on another machine.</summary>
    internal static string Of(TrainingConfiguration configuration)
    {
        var folder = Path.GetDirectoryName(configuration.Path) ?? "";
        var text = JsonSerializer.Serialize(configuration);
        if (folder.Length > 0)
        {
            text = text.Replace(JsonEncodedText.Encode(folder).ToString(), "", StringComparison.Ordinal);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
