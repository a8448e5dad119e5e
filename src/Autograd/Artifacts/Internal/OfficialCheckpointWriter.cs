using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Writes the tables of a checkpoint. Fields that have their default are left out, as FlatBuffers does.</summary>
internal static class OfficialCheckpointWriter
{
    /// <summary>Tensors below this many bytes stay in the file in any case.</summary>
    private const int SmallestExternal = 64;

    /// <param name="checkpoint">What to write.</param>
    /// <param name="external">Appends a parameter's data to the data file, aligned as given, and returns its offset. Null: there is none.</param>
    public static ReadOnlyMemory<byte> Write(OfficialCheckpoint checkpoint, Func<byte[], int, long>? external)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var all = checkpoint.Trainable.Concat(checkpoint.Frozen)
            .Concat(checkpoint.OptimizerGroups.SelectMany(group => group.States).SelectMany(state => state.Moments)).ToList();
        all.ForEach(CheckType);
        var writer = new FlatWriter((external is null ? all.Sum(tensor => (long)tensor.RawData.Length) : 0) + (256L * all.Count) + 1024);
        var root = new List<FlatField>
        {
            FlatField.Int32(0, OfficialCheckpoint.Version),
            FlatField.Behind(1, _ => writer.Table(Module(writer, checkpoint, external))),
        };
        if (checkpoint.OptimizerGroups is { Count: > 0 } groups)
        {
            root.Add(FlatField.Behind(2, _ => writer.Tables(groups.Count, index => Group(writer, groups[index]))));
        }

        if (checkpoint.Integers.Count + checkpoint.Floats.Count + checkpoint.Strings.Count > 0)
        {
            root.Add(FlatField.Behind(3, _ => writer.Table(
            [
                Bag(writer, 0, checkpoint.Integers, value => FlatField.Int64(1, value)),
                Bag(writer, 1, checkpoint.Floats, value => FlatField.Single(1, value)),
                Bag(writer, 2, checkpoint.Strings, value => FlatField.Behind(1, _ => writer.Text(value))),
            ])));
        }

        return writer.File("ODTC"u8, [.. root]);
    }

    private static FlatField[] Module(FlatWriter writer, OfficialCheckpoint checkpoint, Func<byte[], int, long>? external)
    {
        var fields = new List<FlatField>
        {
            Tensors(writer, 0, checkpoint.Trainable, checkpoint.IsNominal, external),
            Tensors(writer, 1, checkpoint.Frozen, checkpoint.IsNominal, external),
        };
        if (checkpoint.IsNominal)
        {
            fields.Add(FlatField.Bool(2, true));
        }

        if (external is not null)
        {
            fields.Add(FlatField.Bool(3, true));
        }

        return [.. fields];
    }

    private static FlatField[] Group(FlatWriter writer, OptimizerGroupState group) =>
    [
        FlatField.Behind(0, _ => writer.Text(group.Name)),
        FlatField.Int64(1, group.Step),
        FlatField.Single(2, group.InitialLearningRate),
        FlatField.Behind(3, _ => writer.Tables(group.States.Count, index =>
        [
            FlatField.Behind(0, _ => writer.Text(group.States[index].Parameter)),
            Tensors(writer, 1, group.States[index].Moments, nominal: false, external: null),
        ])),
    ];

    private static FlatField Tensors(FlatWriter writer, int id, IReadOnlyList<TensorProto> tensors, bool nominal, Func<byte[], int, long>? external) =>
        FlatField.Behind(id, _ => writer.Tables(tensors.Count, index => Tensor(writer, tensors[index], nominal, external)));

    private static FlatField[] Tensor(FlatWriter writer, TensorProto tensor, bool nominal, Func<byte[], int, long>? external)
    {
        var data = nominal ? [] : tensor.RawBytes();
        var fields = new List<FlatField>
        {
            FlatField.Behind(0, _ => writer.Text(tensor.Name)),
            FlatField.Behind(2, _ => writer.Int64s(nominal ? [] : tensor.Shape())),
            FlatField.Int32(3, tensor.DataType),
        };
        if (external is not null && data.Length >= SmallestExternal)
        {
            var alignment = tensor.ElementType() is TensorElementType.Int64 or TensorElementType.Double ? 8 : 4;
            fields.Add(FlatField.Int64(6, external(data, alignment)));
        }
        else
        {
            fields.Add(FlatField.Behind(4, _ => writer.Bytes(data)));
        }

        return [.. fields];
    }

    private static FlatField Bag<T>(FlatWriter writer, int id, IReadOnlyDictionary<string, T> values, Func<T, FlatField> value)
    {
        var pairs = values.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToArray();
        return FlatField.Behind(id, _ => writer.Tables(
            pairs.Length, index => [FlatField.Behind(0, _ => writer.Text(pairs[index].Key)), value(pairs[index].Value)]));
    }

    private static void CheckType(TensorProto tensor)
    {
        if (tensor.ElementType() is not (TensorElementType.Float or TensorElementType.Double or TensorElementType.Bool
            or TensorElementType.Int8 or TensorElementType.UInt8 or TensorElementType.Int16 or TensorElementType.UInt16
            or TensorElementType.Int32 or TensorElementType.UInt32 or TensorElementType.Int64 or TensorElementType.UInt64))
        {
            throw new ArtifactException(
                $"Tensor '{tensor.Name}' has the type {tensor.ElementType()}, which the official runtime does not load from a checkpoint: keep it out of requires-grad and frozen.");
        }
    }
}
