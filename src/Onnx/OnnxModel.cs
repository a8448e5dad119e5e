using Google.Protobuf;
using OrtZero.Onnx.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx;

/// <summary>An ONNX model in memory, with all tensor data resolved into the tensors themselves.</summary>
public sealed class OnnxModel
{
    /// <summary>The oldest IR version that is read.</summary>
    public const int MinimumIrVersion = 3;

    /// <summary>The newest IR version that is read.</summary>
    public const int MaximumIrVersion = 13;

    /// <summary>Wraps a message that was built in memory; nothing is checked or copied.</summary>
    /// <param name="proto">The model; a missing graph is added empty.</param>
    /// <param name="path">The file it came from, for messages; null when it has none.</param>
    public OnnxModel(ModelProto proto, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(proto);
        proto.Graph ??= new GraphProto();
        Proto = proto;
        Path = path;
    }

    /// <summary>The message itself; editing it edits the model.</summary>
    public ModelProto Proto { get; }

    /// <summary>The main graph.</summary>
    public GraphProto Graph => Proto.Graph;

    /// <summary>The file the model was loaded from, or null.</summary>
    public string? Path { get; }

    /// <summary>Reads a model file together with its external data, which must lie inside the model's folder.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="OnnxFormatException">
    /// The file is not a valid model, its IR version is outside 3 to 13, a tensor's data does not fit its shape, or external
    /// data is missing, too short or outside the model's folder.
    /// </exception>
    public static OnnxModel Load(string path) => Read(path, inFile: false);

    /// <summary>
    /// The same, but the data of large initializers stays in the file and is read whenever somebody looks at it, so that the model takes
    /// little memory. The file must not be written to for that long; replacing it by renaming another does no harm.
    /// See <see cref="Hold"/>.
    /// </summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="OnnxFormatException">As for <see cref="Load(string)"/>; looking at data throws it, too, when the file was changed since.</exception>
    public static OnnxModel Open(string path) => Read(path, inFile: true);

    private static OnnxModel Read(string path, bool inFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var fullPath = System.IO.Path.GetFullPath(path);
        if (!File.Exists(fullPath))
        {
            throw new FileNotFoundException($"There is no model file '{path}'; check the path.", path);
        }

        try
        {
            var length = new FileInfo(fullPath).Length;
            if (length > Array.MaxLength)
            {
                throw new OnnxFormatException(
                    $"The file has {length} bytes, more than the 2 GiB a protobuf message may have; save the model with external data.");
            }

            var proto = (inFile ? ModelSkeleton.TryRead(fullPath) : null) ?? ParseMessage(File.ReadAllBytes(fullPath));
            ModelValidator.CheckHeader(proto);
            ExternalDataReader.Resolve(proto, System.IO.Path.GetDirectoryName(fullPath)!, inFile);
            ModelValidator.CheckTensors(proto);
            return new OnnxModel(proto, path);
        }
        catch (OnnxFormatException exception)
        {
            throw new OnnxFormatException($"{path}: {exception.Message}", exception);
        }
    }

    /// <summary>Reads the data of initializers that <see cref="Open"/> left in the file and keeps it in memory, in clones of this model, too.</summary>
    /// <param name="initializers">Which ones; null for all.</param>
    /// <exception cref="OnnxFormatException">The file was changed in the meantime.</exception>
    public void Hold(Func<TensorProto, bool>? initializers = null)
    {
        foreach (var tensor in Graph.Initializer.Where(tensor => initializers?.Invoke(tensor) ?? true))
        {
            FileBytes.Hold(tensor.RawData);
        }
    }

    /// <summary>Reads a model from memory. It must hold all its tensor data itself.</summary>
    /// <exception cref="OnnxFormatException">As for <see cref="Load"/>, or a tensor refers to external data.</exception>
    public static OnnxModel Parse(ReadOnlySpan<byte> bytes)
    {
        var proto = ParseMessage(bytes);
        ModelValidator.CheckHeader(proto);
        ModelValidator.CheckTensors(proto);
        return new OnnxModel(proto);
    }

    /// <summary>
    /// Writes the model. Files appear complete or not at all: each is written to a temporary name in the same folder, flushed to
    /// the disk and renamed, the data file first.
    /// </summary>
    /// <param name="path">The model file; its folder must exist.</param>
    /// <param name="external">
    /// How to move large tensors into a second file. Null keeps everything in one file, unless the model is too large for one
    /// (2 GiB), in which case the defaults of <see cref="ExternalDataOptions"/> apply.
    /// </param>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="OnnxFormatException">The options name a data file outside the model's folder or an impossible alignment.</exception>
    public void Save(string path, ExternalDataOptions? external = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        external ??= TensorWalker.DataBytes(Proto) > MessageLimit ? new ExternalDataOptions() : null;
        if (external is null)
        {
            AtomicFile.Write(path, Proto.WriteTo);
        }
        else
        {
            ExternalDataWriter.Save(Proto, path, external);
        }
    }

    /// <summary>The model as one protobuf message.</summary>
    /// <exception cref="OnnxFormatException">The model is larger than the 2 GiB a message may have.</exception>
    public byte[] ToBytes()
    {
        var bytes = TensorWalker.DataBytes(Proto);
        return bytes <= MessageLimit
            ? Proto.ToByteArray()
            : throw new OnnxFormatException(
                $"The model holds {bytes} bytes of tensor data, more than the 2 GiB one message may have; save it with external data.");
    }

    /// <summary>A copy that can be edited on its own. Tensor data, which is immutable, is shared.</summary>
    public OnnxModel Clone() => new(Proto.Clone(), Path);

    /// <summary>The version of an operator set that the model imports; "" and "ai.onnx" are the same domain.</summary>
    /// <returns>The version, or 0 when the model does not import the domain.</returns>
    public long GetOpsetVersion(string domain = "")
    {
        foreach (var import in Proto.OpsetImport)
        {
            if (Canonical(import.Domain) == Canonical(domain))
            {
                return import.Version;
            }
        }

        return 0;
    }

    /// <summary>Imports an operator set at a version, replacing the version imported so far.</summary>
    public void SetOpsetVersion(string domain, long version)
    {
        foreach (var import in Proto.OpsetImport)
        {
            if (Canonical(import.Domain) == Canonical(domain))
            {
                import.Version = version;
                return;
            }
        }

        Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = version });
    }

    // A margin below int.MaxValue for everything that is not tensor data.
    private const long MessageLimit = int.MaxValue - (64L << 20);

    private static string Canonical(string domain) => domain == "ai.onnx" ? "" : domain;

    private static ModelProto ParseMessage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            throw new OnnxFormatException("The model is empty; export or copy it again.");
        }

        try
        {
            return ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new OnnxFormatException(
                $"This is not a complete ONNX model ({exception.Message.TrimEnd('.')}); export or copy it again.", exception);
        }
    }
}
