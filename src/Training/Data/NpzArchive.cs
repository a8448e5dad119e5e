using System.IO.Compression;
using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// A .npz archive. Arrays that numpy.savez stored are mapped in place; those that numpy.savez_compressed deflated are
/// unpacked into memory when they are opened.
/// </summary>
public sealed class NpzArchive : IDisposable
{
    private readonly string _path;
    private readonly MappedFile _file;
    private readonly OrderedDictionary<string, ZipMember> _members = new(StringComparer.Ordinal);

    private NpzArchive(string path, MappedFile file)
    {
        _path = path;
        _file = file;
        foreach (var member in ZipDirectory.Read(file, path))
        {
            const string Ending = ".npy";
            _members[member.Name.EndsWith(Ending, StringComparison.Ordinal) ? member.Name[..^Ending.Length] : member.Name] = member;
        }
    }

    /// <summary>The arrays in the order of the archive, without the ".npy" ending.</summary>
    public IReadOnlyList<string> Names => _members.Keys;

    /// <summary>Opens an archive.</summary>
    /// <exception cref="DataException">The file is not there, not a zip archive, or cut off.</exception>
    public static NpzArchive Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var file = MappedFile.Open(path);
        try
        {
            return new NpzArchive(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens an array; it may be used as long as the archive is open.</summary>
    /// <param name="name">Its name. Null: the archive's only array.</param>
    /// <exception cref="DataException">The archive has no such array, or it cannot be read.</exception>
    public NpyFile Array(string? name)
    {
        if (name is null && _members.Count != 1)
        {
            throw new DataException(_members.Count == 0
                ? $"{_path} holds no array; write it again with numpy.savez."
                : $"{_path} holds {_members.Count} arrays ({string.Join(", ", Names)}); name one, for example \"{Path.GetFileName(_path)}:{Names[0]}\".");
        }

        var key = name ?? Names[0];
        if (!_members.TryGetValue(key, out var member))
        {
            var near = NearestName.Find(key, Names);
            throw new DataException($"{_path} has no array \"{key}\"; {(near is null ? $"it has {string.Join(", ", Names)}." : $"did you mean \"{near}\"?")}");
        }

        var label = $"{_path}:{key}";
        if (member.IsEncrypted || member.Method is not (0 or 8))
        {
            throw new DataException($"{label} is {(member.IsEncrypted ? "encrypted" : $"compressed by method {member.Method}")}; write it again with numpy.savez.");
        }

        var content = ZipDirectory.ContentOffset(_file, member, label);
        return new NpyFile(member.Method == 0 ? new SlicedSource(_file, content, member.CompressedLength) : Inflate(member, content, label), label);
    }

    /// <summary>Closes the archive and its arrays.</summary>
    public void Dispose() => _file.Dispose();

    private MemorySource Inflate(ZipMember member, long content, string label)
    {
        if (member.Length > System.Array.MaxLength || member.CompressedLength > System.Array.MaxLength)
        {
            throw new DataException($"{label} is too large to be unpacked into memory; write it with numpy.savez, which does not compress.");
        }

        // Deflate shrinks at most 1032 to 1, so a greater length is damage and not worth the allocation.
        if (member.Length < 0 || member.Length / 1032 > member.CompressedLength)
        {
            throw ZipDirectory.Damaged(label);
        }

        var compressed = new byte[member.CompressedLength];
        _file.Read(content, compressed);
        var bytes = new byte[member.Length];
        try
        {
            using var deflate = new DeflateStream(new MemoryStream(compressed), CompressionMode.Decompress);
            deflate.ReadExactly(bytes);
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            throw ZipDirectory.Damaged(label);
        }

        return Crc32.Of(bytes) == member.Checksum ? new MemorySource(bytes) : throw ZipDirectory.Damaged(label);
    }
}
