using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Reads the tables of a checkpoint. Field numbers are those of ort_training_checkpoint.fbs and ort.fbs.</summary>
internal sealed class OfficialCheckpointReader
{
    private readonly Func<long, long, byte[]>? _external;
    private bool _nominal;

    private OfficialCheckpointReader(Func<long, long, byte[]>? external) => _external = external;

    /// <param name="bytes">The file.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="external">Reads so many bytes (second argument) of the data file from an offset on. Null: there is none.</param>
    public static OfficialCheckpoint Read(ReadOnlyMemory<byte> bytes, string name, Func<long, long, byte[]>? external)
    {
        try
        {
            return new OfficialCheckpointReader(external).Read(FlatTable.Root(bytes, "ODTC"u8));
        }
        catch (ArtifactException exception)
        {
            throw new ArtifactException(
                $"{name} is not a whole official training checkpoint: {exception.Message}; write it again or copy it from where it is whole.", exception);
        }
    }

    private OfficialCheckpoint Read(FlatTable root)
    {
        var version = root.Int32(0, "version");
        if (version != OfficialCheckpoint.Version)
        {
            throw new ArtifactException($"its version is {version}, and this program and ONNX Runtime 1.18 to 1.19.2 read {OfficialCheckpoint.Version}");
        }

        var module = root.Table(1, "module_state");
        _nominal = module?.Bool(2, "is_nominal_state") ?? false;
        if (module?.Bool(3, "has_external_data") == true && _external is null)
        {
            throw new ArtifactException("it keeps its tensors in a second file, so it can be read from a file only");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var bag = root.Table(3, "property_bag");
        return new OfficialCheckpoint
        {
            Trainable = module is null ? [] : Tensors(module.Value, 0, "requires_grad_params", names, _nominal),
            Frozen = module is null ? [] : Tensors(module.Value, 1, "frozen_params", names, _nominal),
            IsNominal = _nominal,
            OptimizerGroups = Named(root.Tables(2, "optimizer_groups"), table => Text(table, 0, "group_name"), Group),
            Integers = Bag(bag, 0, "ints", table => table.Int64(1, "value")),
            Floats = Bag(bag, 1, "floats", table => table.Single(1, "value")),
            Strings = Bag(bag, 2, "strings", table => Text(table, 1, "value")),
        };
    }

    private OptimizerGroupState Group(FlatTable table, string name) => new(
        name,
        table.Int64(1, "step"),
        table.Single(2, "initial_learning_rate"),
        Named(Required(table.Tables(3, "optimizer_states"), "optimizer_states"), state => Text(state, 0, "param_name"), (state, parameter) =>
            new ParameterMoments(parameter, Tensors(state, 1, "momentums", new HashSet<string>(StringComparer.Ordinal), nominal: false))));

    private TensorProto[] Tensors(FlatTable owner, int id, string field, HashSet<string> names, bool nominal)
    {
        var tensors = new List<TensorProto>();
        foreach (var table in Required(owner.Tables(id, field), field))
        {
            // A file may refer to one tensor many times over; names that come once bound what is made of it.
            var tensor = Tensor(table, nominal);
            if (!names.Add(tensor.Name))
            {
                throw new ArtifactException($"it has two tensors '{tensor.Name}' in {field}");
            }

            tensors.Add(tensor);
        }

        return [.. tensors];
    }

    private TensorProto Tensor(FlatTable table, bool nominal)
    {
        var tensor = new TensorProto { Name = Text(table, 0, "name"), DataType = table.Int32(3, "data_type") };
        tensor.Dims.AddRange(Required(table.Int64s(2, "dims"), "dims"));
        var type = tensor.ElementType();
        if (!type.IsDefined() || type is TensorElementType.String || type.SizeInBits() < 8)
        {
            throw new ArtifactException($"its tensor '{tensor.Name}' has the type {tensor.DataType}, which is not a type of numbers");
        }

        if (tensor.Dims.Any(length => length < 0))
        {
            throw new ArtifactException($"its tensor '{tensor.Name}' has the shape [{string.Join(", ", tensor.Dims)}]");
        }

        if (nominal)
        {
            return tensor;
        }

        var expected = Length(tensor);
        var offset = table.Int64(6, "external_data_offset", -1);
        var data = table.Bytes(4, "raw_data");
        if (data is null && offset >= 0 && _external is not null)
        {
            data = _external(offset, expected);
        }

        if ((data?.Length ?? 0) != expected)
        {
            throw new ArtifactException(
                $"its tensor '{tensor.Name}' of shape [{string.Join(", ", tensor.Dims)}] should have {expected} bytes of data and has {data?.Length ?? 0}");
        }

        tensor.RawData = UnsafeByteOperations.UnsafeWrap(data ?? default);
        return tensor;
    }

    private static long Length(TensorProto tensor)
    {
        try
        {
            return tensor.ElementType().SizeInBytes(tensor.ElementCount());
        }
        catch (Exception exception) when (exception is OnnxFormatException or OverflowException)
        {
            throw new ArtifactException($"its tensor '{tensor.Name}' has the impossible shape [{string.Join(", ", tensor.Dims)}]", exception);
        }
    }

    private static Dictionary<string, T> Bag<T>(FlatTable? bag, int id, string field, Func<FlatTable, T> value) =>
        Named(bag?.Tables(id, field), table => Text(table, 0, "name"), (table, name) => (Name: name, Value: value(table)))
            .ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal);

    private static List<T> Named<T>(IEnumerable<FlatTable>? tables, Func<FlatTable, string> name, Func<FlatTable, string, T> read)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var result = new List<T>();
        foreach (var table in tables ?? [])
        {
            var key = name(table);
            if (!names.Add(key))
            {
                throw new ArtifactException($"it has '{key}' twice");
            }

            result.Add(read(table, key));
        }

        return result;
    }

    private static string Text(FlatTable table, int id, string field) => Required(table.Text(id, field), field);

    private static T Required<T>(T? value, string field)
        where T : class => value ?? throw new ArtifactException($"it lacks {field}");
}
