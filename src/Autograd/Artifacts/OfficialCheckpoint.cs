using OrtZero.Autograd.Internal;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd;

/// <summary>
/// The content of a checkpoint file of ONNX Runtime's official training (FlatBuffers, identifier "ODTC", version 2, as
/// onnxruntime/core/flatbuffers/schema/ort_training_checkpoint.fbs of 1.18 and later describes it).
/// </summary>
public sealed record OfficialCheckpoint
{
    /// <summary>The version of the format that is read and written.</summary>
    public const int Version = 2;

    /// <summary>The trained parameters. Those of a nominal checkpoint have names and types but neither axes nor data.</summary>
    public IReadOnlyList<TensorProto> Trainable { get; init; } = [];

    /// <summary>The parameters that keep their values.</summary>
    public IReadOnlyList<TensorProto> Frozen { get; init; } = [];

    /// <summary>Whether the values of parameters are left out, to be copied in from elsewhere.</summary>
    public bool IsNominal { get; init; }

    /// <summary>The optimizer's memory. Empty: training has not begun.</summary>
    public IReadOnlyList<OptimizerGroupState> OptimizerGroups { get; init; } = [];

    /// <summary>Whole numbers of the property bag, by name.</summary>
    public IReadOnlyDictionary<string, long> Integers { get; init; } = new Dictionary<string, long>();

    /// <summary>Floating-point numbers of the property bag, by name.</summary>
    public IReadOnlyDictionary<string, float> Floats { get; init; } = new Dictionary<string, float>();

    /// <summary>Strings of the property bag, by name.</summary>
    public IReadOnlyDictionary<string, string> Strings { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads a checkpoint file, and the <c>.data</c> file beside it where it has one.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArtifactException">The file is cut off, damaged, of another version or not a checkpoint.</exception>
    public static OfficialCheckpoint Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return OfficialCheckpointFile.Load(path);
    }

    /// <summary>Reads a checkpoint from memory. The tensors refer to that memory, which must not change afterwards.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="ArtifactException">As for <see cref="Load"/>, or the checkpoint has external data.</exception>
    public static OfficialCheckpoint Parse(ReadOnlyMemory<byte> bytes, string name = "checkpoint") =>
        OfficialCheckpointReader.Read(bytes, name, external: null);

    /// <summary>
    /// Writes the checkpoint; it appears complete or not at all. From 1800 MiB of parameters on, their data goes into
    /// <c>path.data</c>, as the official runtime does it.
    /// </summary>
    /// <exception cref="ArtifactException">A tensor has a type the official runtime does not load, or all is too large.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        OfficialCheckpointFile.Save(this, path, OfficialCheckpointFile.ExternalThreshold);
    }

    /// <summary>The checkpoint as one file in memory.</summary>
    /// <exception cref="ArtifactException">As for <see cref="Save"/>.</exception>
    public byte[] ToBytes() => OfficialCheckpointWriter.Write(this, external: null).ToArray();

    /// <summary>Names and types of the parameters alone.</summary>
    public OfficialCheckpoint ToNominal() => new() { IsNominal = true, Trainable = Bare(Trainable), Frozen = Bare(Frozen) };

    private static TensorProto[] Bare(IEnumerable<TensorProto> tensors) =>
        [.. tensors.Select(tensor => new TensorProto { Name = tensor.Name, DataType = tensor.DataType })];
}
