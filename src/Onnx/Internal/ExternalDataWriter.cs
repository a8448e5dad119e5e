using System.Globalization;
using System.Numerics;
using Google.Protobuf;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Writes a model as two files: the message, and the data of its large tensors.</summary>
internal static class ExternalDataWriter
{
    public static void Save(ModelProto model, string path, ExternalDataOptions options)
    {
        var fullPath = Path.GetFullPath(path);
        var fileName = options.FileName ?? Path.GetFileName(fullPath) + ".data";
        var dataPath = ExternalDataReader.Contained(Path.GetDirectoryName(fullPath)!, fileName)
            ?? throw new OnnxFormatException(
                $"The external data file '{fileName}' must lie in the folder of '{path}'; give a relative name such as 'model.onnx.data'.");
        if (dataPath == fullPath)
        {
            throw new OnnxFormatException($"The external data file '{fileName}' is the model file itself; give it another name.");
        }

        if (options.Alignment < 1 || !BitOperations.IsPow2(options.Alignment))
        {
            throw new OnnxFormatException($"The alignment {options.Alignment} of external data is not a power of two; use 4096.");
        }

        // The copy shares tensor data, so that only the messages around it are doubled.
        var copy = model.Clone();
        var moved = TensorWalker.All(copy).Where(tensor => Moves(tensor, options.Threshold)).ToList();
        if (moved.Count > 0)
        {
            AtomicFile.Write(dataPath, stream => WriteData(stream, moved, fileName, options.Alignment));
        }

        AtomicFile.Write(fullPath, copy.WriteTo);
    }

    private static bool Moves(TensorProto tensor, long threshold) =>
        tensor.ElementType() != TensorElementType.String
        && tensor.DataLocation != TensorProto.Types.DataLocation.External
        && tensor.ElementType().SizeInBytes(tensor.ElementCount()) is > 0 and var bytes
        && bytes >= threshold;

    private static void WriteData(Stream stream, List<TensorProto> tensors, string fileName, int alignment)
    {
        var padding = new byte[Math.Min(alignment, 1 << 16)];
        var position = 0L;
        foreach (var tensor in tensors)
        {
            var offset = (position + alignment - 1) / alignment * alignment;
            for (var missing = offset - position; missing > 0;)
            {
                var part = (int)Math.Min(missing, padding.Length);
                stream.Write(padding, 0, part);
                missing -= part;
            }

            var data = tensor.HasRawData ? tensor.RawData.Memory : tensor.RawBytes();
            stream.Write(data.Span);
            position = offset + data.Length;

            tensor.ClearRawData();
            tensor.FloatData.Clear();
            tensor.DoubleData.Clear();
            tensor.Int32Data.Clear();
            tensor.Int64Data.Clear();
            tensor.Uint64Data.Clear();
            tensor.ExternalData.Clear();
            tensor.DataLocation = TensorProto.Types.DataLocation.External;
            Add(tensor, "location", fileName);
            Add(tensor, "offset", offset.ToString(CultureInfo.InvariantCulture));
            Add(tensor, "length", data.Length.ToString(CultureInfo.InvariantCulture));
        }
    }

    private static void Add(TensorProto tensor, string key, string value) =>
        tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
}
