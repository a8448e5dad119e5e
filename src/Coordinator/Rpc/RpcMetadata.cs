using System.Collections;

namespace OrtZero.Coordinator;

/// <summary>Headers or trailers of a call, in order; a key may occur more than once.</summary>
public sealed class RpcMetadata : IReadOnlyList<RpcMetadataEntry>
{
    private readonly List<RpcMetadataEntry> _entries = [];

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <inheritdoc/>
    public RpcMetadataEntry this[int index] => _entries[index];

    /// <summary>Appends an entry.</summary>
    public void Add(RpcMetadataEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        _entries.Add(entry);
    }

    /// <summary>Appends printable ASCII text.</summary>
    public void Add(string key, string value) => Add(new RpcMetadataEntry(key, value));

    /// <summary>Appends bytes; the key ends in "-bin".</summary>
    public void Add(string key, byte[] value) => Add(new RpcMetadataEntry(key, value));

    /// <summary>The last text of a key, or null when the key is absent.</summary>
    public string? GetValue(string key) => Last(key)?.Value;

    /// <summary>The last bytes of a key, or null when the key is absent.</summary>
    public byte[]? GetValueBytes(string key) => Last(key)?.ValueBytes.ToArray();

    /// <summary>Every entry of a key.</summary>
    public IEnumerable<RpcMetadataEntry> GetAll(string key) =>
        _entries.Where(entry => string.Equals(entry.Key, key, StringComparison.OrdinalIgnoreCase));

    /// <inheritdoc/>
    public IEnumerator<RpcMetadataEntry> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private RpcMetadataEntry? Last(string key) => GetAll(key).LastOrDefault();
}
