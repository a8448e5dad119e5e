using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>One of ONNX's own backend tests: a model of one operator, or of the operators a function is made of, and its inputs.</summary>
internal sealed class NodeTest
{
    private const string Expanded = "_expanded";

    private readonly string _folder;

    private NodeTest(string folder)
    {
        _folder = folder;
        Name = Path.GetFileName(folder)["test_".Length..];
    }

    public static string Root { get; } = Environment.GetEnvironmentVariable("ORTZERO_ONNX_TESTDATA") ?? "/usr/share/libonnx-testdata/data";

    public string Name { get; }

    /// <summary>The folders of tests: those of single operators, and small models that PyTorch exported long ago.</summary>
    public static IReadOnlyList<string> Sets { get; } = ["node", "simple", "pytorch-operator", "pytorch-converted"];

    public static IReadOnlyList<NodeTest> All() => [.. Sets.SelectMany(set =>
    {
        var root = Path.Combine(Root, set);
        return Directory.Exists(root)
            ? Directory.GetDirectories(root).Where(folder => File.Exists(Path.Combine(folder, "model.onnx"))).Order(StringComparer.Ordinal).Select(folder => new NodeTest(folder))
            : throw new DirectoryNotFoundException($"{root} is missing: install the Debian package libonnx-testdata, or let ORTZERO_ONNX_TESTDATA name ONNX's test data.");
    })];

    public OnnxModel Load() => OnnxModel.Load(Path.Combine(_folder, "model.onnx"));

    /// <summary>The operator under test; of an expanded function, the function.</summary>
    public (string Domain, string Operator) Operator()
    {
        var whole = Name.IndexOf(Expanded, StringComparison.Ordinal) is > 0 and var end
            ? Path.Combine(Path.GetDirectoryName(_folder)!, $"test_{Name[..end]}", "model.onnx")
            : "";
        var graph = (File.Exists(whole) ? OnnxModel.Load(whole) : Load()).Graph;
        var node = graph.Node.FirstOrDefault(node => node.OpType != "Constant") ?? graph.Node[0];
        return (node.Domain is "ai.onnx" ? "" : node.Domain, node.OpType);
    }

    /// <summary>
    /// The tensors of the first data set, and the initializers among the inputs, in the order of the model's inputs; <c>null</c> for what is no
    /// tensor.
    /// </summary>
    public TensorProto?[] Inputs(GraphProto graph)
    {
        var fed = 0;
        return [.. graph.Input.Select(input => graph.FindInitializer(input.Name) is { } stored ? stored
            : input.Type?.TensorType is null ? null : Read(Path.Combine(_folder, "test_data_set_0", $"input_{fed++}.pb"), input.Name))];
    }

    private static TensorProto? Read(string path, string name)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var tensor = TensorProto.Parser.ParseFrom(File.ReadAllBytes(path));
        tensor.Name = name;
        return tensor;
    }
}
