using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.EndToEnd;

/// <summary>
/// Models that are broken in many ways, through every command that reads one: each ends with exit code 2 and one sentence that names the file
/// and what in it is wrong.
/// </summary>
public sealed class MalformedModelTests
{
    private const int BadInput = 2;

    private static readonly Dictionary<string, (Action<ModelProto, string> Break, string[] Names)> s_kinds = new(StringComparer.Ordinal)
    {
        ["a cycle"] = ((model, _) => model.Graph.Node[0].Input[0] = model.Graph.Node[3].Output[0], ["node0"]),
        ["a value that nothing provides"] = ((model, _) => model.Graph.Initializer.Remove(Weight(model)), ["node0", "first"]),
        ["a weight of integers"] = ((model, _) => Replace(model, weight => TensorFactory.FromInt64s(weight.Name, weight.Shape(), new long[weight.ElementCount()])), ["node0"]),
        ["a weight of the wrong shape"] = ((model, _) => Replace(model, weight => TensorFactory.FromSingles(weight.Name, [7, 5], new float[35])), ["node0"]),
        ["a negative length"] = ((model, _) => Weight(model).Dims[0] = -5, ["first", "negative"]),
        ["more elements than 64 bits count"] = ((model, _) => Weight(model).Dims.Add([long.MaxValue, 8]), ["first", "more elements"]),
        ["data shorter than its shape"] = ((model, _) => Weight(model).RawData = ByteString.CopyFrom(new byte[6]), ["first", "needs", "has 6"]),
        ["an element type that does not exist"] = ((model, _) => Weight(model).DataType = 77, ["first", "77"]),
        ["a value produced twice"] = ((model, _) => model.Graph.Node[1].Output[0] = model.Graph.Node[0].Output[0], ["node0", "node1"]),
        ["two initializers of one name"] = ((model, _) => model.Graph.Initializer.Add(Weight(model).Clone()), ["first", "unique"]),
        ["an operator that does not exist"] = ((model, _) => model.Graph.Node[1].OpType = "Frobnicate", ["node1", "Frobnicate"]),
        ["a domain that does not exist"] = ((model, _) => model.Graph.Node[1].Domain = "org.nobody", ["node1", "org.nobody"]),
        ["an operator set that does not exist"] = ((model, _) => model.OpsetImport[0].Version = 999, ["999"]),
        ["an attribute of the wrong type"] = ((model, _) => Activation(model).SetString("axis", "last"), ["softmax", "axis"]),
        ["an output that nothing provides"] = ((model, _) => model.Graph.Output[0].Name = "nowhere", ["nowhere"]),
        ["external data that is not there"] = ((model, _) => External(model, "absent.bin", null), ["first", "absent.bin", "missing"]),
        ["external data that is too short"] = ((model, folder) => External(model, "short.bin", Path.Combine(folder, "short.bin")), ["first", "short.bin", "truncated"]),
        ["external data outside the folder"] = ((model, _) => External(model, "../../etc/passwd", null), ["first", "outside"]),
    };

    private static readonly Dictionary<string, Func<byte[], byte[]>> s_files = new(StringComparer.Ordinal)
    {
        ["an empty file"] = _ => [],
        ["half a file"] = bytes => bytes[..(bytes.Length / 2)],
        ["random bytes"] = bytes =>
        {
            new Random(5).NextBytes(bytes);
            return bytes;
        },
        ["graphs nested without end"] = _ => Nested(),
    };

    public static TheoryData<string> Kinds => [.. s_kinds.Keys];

    public static TheoryData<string> Files => [.. s_files.Keys];

    [Fact]
    public void The_model_that_is_broken_below_is_sound() => RunAll("nothing", (_, _) => { }, 0, []);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_model_with(string kind) => RunAll(kind, s_kinds[kind].Break, BadInput, s_kinds[kind].Names);

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_of(string kind)
    {
        using var job = NewJob((_, _) => { });
        File.WriteAllBytes(job.PathOf("model.onnx"), s_files[kind](File.ReadAllBytes(job.PathOf("model.onnx"))));
        Expect(job, kind, BadInput, ["again"]);
    }

    /// <summary>Where the data of a run says the lengths, it is compared with the model before; where they are made up, they have to be possible.</summary>
    [Theory]
    [InlineData(1L << 40, 1L << 40)]
    [InlineData(1L << 62, 6)]
    public void An_input_longer_than_any_memory_is_named(long rows, long columns)
    {
        using var job = NewJob((model, _) => model.Graph.Input[0] = ValueInfos.Create("x", TensorElementType.Float, (ReadOnlySpan<long>)[rows, columns]));
        var model = job.PathOf("model.onnx");
        string[][] commands = [["gradcheck", model], ["artifacts", model, "--out", job.PathOf("artifacts")]];
        foreach (var arguments in commands)
        {
            using var run = ProgramRun.RankWorker(1, arguments);
            var error = run.Expect(BadInput).Error;
            Assert.All([model, "x"], part => Assert.Contains(part, error, StringComparison.Ordinal));
            Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
    }

    private static void RunAll(string kind, Action<ModelProto, string> damage, int exitCode, string[] names)
    {
        using var job = NewJob(damage);
        Expect(job, kind, exitCode, names);
    }

    private static void Expect(Job job, string kind, int exitCode, string[] names)
    {
        var model = job.PathOf("model.onnx");
        string[][] commands =
        [
            [job.Configuration, "--max-iters", "1"], ["groups", job.Configuration], ["gradcheck", model, "--samples", "1"],
            ["artifacts", model, "--out", job.PathOf("artifacts"), "--batch", "4"],
        ];
        var runs = commands.Select(arguments => ProgramRun.RankWorker(1, arguments)).ToArray();
        try
        {
            foreach (var (run, arguments) in runs.Zip(commands))
            {
                run.Expect(exitCode);
                if (exitCode == 0)
                {
                    continue;
                }

                var lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
                Assert.True(lines is [_] && lines[0].StartsWith("error", StringComparison.Ordinal), $"{kind}, {arguments[0]}: not one line with the error: {run.Transcript}");
                Assert.All([model, .. names], part => Assert.True(lines[0].Contains(part, StringComparison.Ordinal), $"{kind}, {arguments[0]}: '{part}' is not in {lines[0]}"));
            }
        }
        finally
        {
            Array.ForEach(runs, run => run.Dispose());
        }
    }

    /// <summary>A network of two layers, some rows of noise for it, and what is done to it.</summary>
    private static Job NewJob(Action<ModelProto, string> damage)
    {
        var job = Job.Small();
        var graph = new GraphProto
        {
            Name = "main",
            Input = { ValueInfos.Create("x", TensorElementType.Float, "batch", 6) },
            Output = { ValueInfos.Create("scores", TensorElementType.Float, "batch", 3) },
            Initializer =
            {
                TensorFactory.FromSingles("first", [6, 4], [.. Enumerable.Range(0, 24).Select(i => (float)Math.Sin(i))]),
                TensorFactory.FromSingles("bias", [4], [0.1f, 0.2f, 0.3f, 0.4f]),
                TensorFactory.FromSingles("second", [4, 3], [.. Enumerable.Range(0, 12).Select(i => (float)Math.Cos(i))]),
            },
            Node =
            {
                NodeFactory.Create("MatMul", ["x", "first"], ["a"], "node0"), NodeFactory.Create("Add", ["a", "bias"], ["b"], "node1"),
                NodeFactory.Create("Softmax", ["b"], ["c"], "softmax").SetInt("axis", -1), NodeFactory.Create("MatMul", ["c", "second"], ["scores"], "node3"),
            },
        };
        var model = new ModelProto { IrVersion = 8, ProducerName = "test", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        damage(model, job.Folder);
        File.WriteAllBytes(job.PathOf("model.onnx"), model.ToByteArray());
        return job;
    }

    private static TensorProto Weight(ModelProto model) => model.Graph.Initializer[0];

    private static NodeProto Activation(ModelProto model) => model.Graph.Node[2];

    private static void Replace(ModelProto model, Func<TensorProto, TensorProto> other) => model.Graph.Initializer[0] = other(Weight(model));

    private static void External(ModelProto model, string location, string? file)
    {
        var weight = Weight(model);
        weight.ClearRawData();
        weight.DataLocation = TensorProto.Types.DataLocation.External;
        weight.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        if (file is not null)
        {
            File.WriteAllBytes(file, new byte[10]);
        }
    }

    private static byte[] Nested()
    {
        var graph = new GraphProto { Name = "innermost" };
        for (var depth = 0; depth < 400; depth++)
        {
            var node = NodeFactory.Create("If", ["c"], ["y"]);
            node.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = graph });
            graph = new GraphProto { Name = $"depth{depth}", Node = { node } };
        }

        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return model.ToByteArray();
    }
}
