using System.Globalization;
using Google.Protobuf;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// Reads tensor data that lies outside the model file: key "location" (relative to the model's folder), optional "offset" and
/// "length" in bytes (docs/ExternalData.md of the ONNX specification).
/// </summary>
internal static class ExternalDataReader
{
    /// <summary>Gives every tensor its data.</summary>
    /// <param name="model">The model.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="inFile">Whether large data stays in the file until somebody looks at it.</param>
    public static void Resolve(ModelProto model, string folder, bool inFile)
    {
        var files = new Dictionary<string, TensorFile>(StringComparer.Ordinal);
        try
        {
            foreach (var tensor in TensorWalker.All(model).Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External))
            {
                Resolve(tensor, folder, files, inFile);
            }
        }
        finally
        {
            // Those that tensors go on reading from are closed with the last of them.
            foreach (var file in files.Values.Where(_ => !inFile))
            {
                file.Dispose();
            }
        }
    }

    private static void Resolve(TensorProto tensor, string folder, Dictionary<string, TensorFile> files, bool inFile)
    {
        var expected = tensor.ElementType().SizeInBytes(tensor.ElementCount());
        var location = Entry(tensor, "location");
        if (string.IsNullOrEmpty(location))
        {
            throw new OnnxFormatException(
                $"Tensor '{tensor.Name}' says its data is external but not where (key 'location'); export the model again.");
        }

        var path = Contained(folder, location)
            ?? throw new OnnxFormatException(
                $"Tensor '{tensor.Name}' wants its data from '{location}', which is outside the model's folder; put the data file beside the model.");
        if (!File.Exists(path))
        {
            throw new OnnxFormatException(
                $"The external data file '{location}' of tensor '{tensor.Name}' is missing in '{folder}'; copy it beside the model.");
        }

        var offset = Number(tensor, "offset") ?? 0;
        var length = Number(tensor, "length") ?? expected;
        if (length != expected)
        {
            throw new OnnxFormatException(
                $"Tensor '{tensor.Name}' of {tensor.Describe()} needs {expected} bytes, but its entry for '{location}' says {length}; export the model again.");
        }

        if (length > Array.MaxLength)
        {
            throw new OnnxFormatException($"Tensor '{tensor.Name}' has {length} bytes; at most 2 GiB per tensor are supported, so split it.");
        }

        if (!files.TryGetValue(path, out var file))
        {
            file = new TensorFile(path);
            files.Add(path, file);
        }

        if (offset > file.Length || length > file.Length - offset)
        {
            throw new OnnxFormatException(
                $"The external data file '{location}' has {file.Length} bytes, but tensor '{tensor.Name}' lies at {offset} to {(Int128)offset + length}; the file is truncated, copy it again.");
        }

        if (inFile && length >= FileBytes.Smallest)
        {
            tensor.RawData = FileBytes.Wrap(file, offset, (int)length);
        }
        else
        {
            var data = new byte[length];
            file.Read(offset, data);
            tensor.RawData = UnsafeByteOperations.UnsafeWrap(data);
        }

        tensor.ExternalData.Clear();
        tensor.ClearDataLocation();
    }

    /// <summary>The full path of a relative location, or null when it leaves the folder.</summary>
    public static string? Contained(string folder, string location)
    {
        // A backslash would be a separator on another system, and NUL is never part of a path.
        if (Path.IsPathRooted(location) || location.Contains('\\', StringComparison.Ordinal) || location.Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var path = Path.GetFullPath(Path.Combine(root, location));
        var prefix = Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar;
        return path.StartsWith(prefix, StringComparison.Ordinal) ? path : null;
    }

    private static string? Entry(TensorProto tensor, string key)
    {
        foreach (var entry in tensor.ExternalData)
        {
            if (entry.Key == key)
            {
                return entry.Value;
            }
        }

        return null;
    }

    private static long? Number(TensorProto tensor, string key) => Entry(tensor, key) switch
    {
        null or "" => null,
        var text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        var text => throw new OnnxFormatException(
            $"Tensor '{tensor.Name}' has the external data {key} '{text}', which is not a non-negative number; export the model again."),
    };
}
