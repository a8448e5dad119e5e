using System.Text;

namespace OrtZero.Coordinator;

/// <summary>One key of a call's metadata with its value: printable ASCII, or bytes for a key that ends in "-bin".</summary>
public sealed class RpcMetadataEntry
{
    private readonly byte[]? _bytes;
    private readonly string? _text;

    /// <summary>A text entry.</summary>
    /// <exception cref="ArgumentException">The key has a character outside a-z, 0-9, '-', '_', '.', or ends in "-bin"; or the
    /// value has a character that is not printable ASCII.</exception>
    public RpcMetadataEntry(string key, string value)
    {
        Key = NormalizeKey(key);
        ArgumentNullException.ThrowIfNull(value);
        if (IsBinary)
        {
            throw new ArgumentException($"The metadata key '{Key}' ends in '-bin', so its value must be bytes.", nameof(key));
        }

        foreach (var character in value)
        {
            if (character is < ' ' or > '~')
            {
                throw new ArgumentException(
                    $"The value of metadata '{Key}' has the character U+{(int)character:X4}, which is not printable ASCII; use a key that ends in '-bin'.",
                    nameof(value));
            }
        }

        _text = value;
    }

    /// <summary>A binary entry.</summary>
    /// <exception cref="ArgumentException">The key does not end in "-bin" or has a character that is not allowed.</exception>
    public RpcMetadataEntry(string key, byte[] value)
    {
        Key = NormalizeKey(key);
        ArgumentNullException.ThrowIfNull(value);
        if (!IsBinary)
        {
            throw new ArgumentException($"The metadata key '{Key}' must end in '-bin' to hold bytes.", nameof(key));
        }

        _bytes = [.. value];
    }

    /// <summary>The key in lower case.</summary>
    public string Key { get; }

    /// <summary>Whether the value is bytes.</summary>
    public bool IsBinary => Key.EndsWith("-bin", StringComparison.Ordinal);

    /// <summary>The text.</summary>
    /// <exception cref="InvalidOperationException">The entry holds bytes.</exception>
    public string Value => _text ?? throw new InvalidOperationException($"The metadata '{Key}' holds bytes; read {nameof(ValueBytes)}.");

    /// <summary>The bytes; of a text entry its ASCII characters.</summary>
    public ReadOnlyMemory<byte> ValueBytes => _bytes ?? Encoding.ASCII.GetBytes(_text!);

    /// <summary>The key and the text, or the key and the number of bytes.</summary>
    public override string ToString() => _bytes is null ? $"{Key}: {_text}" : $"{Key}: {_bytes.Length} bytes";

    private static string NormalizeKey(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        var lower = key.ToLowerInvariant();
        foreach (var character in lower)
        {
            if (!(char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character is '-' or '_' or '.'))
            {
                throw new ArgumentException($"The metadata key '{key}' may only have a-z, 0-9, '-', '_' and '.'.", nameof(key));
            }
        }

        return lower;
    }
}
