using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.EndToEnd.Drills;

/// <summary>A transformer of many equal layers with random weights, so that no tensor is large beside the whole.</summary>
/// <param name="Width">The length of a token's vector, a multiple of 8. A layer has about 12 times its square parameters.</param>
/// <param name="Layers">How many.</param>
/// <param name="Length">Tokens in a sample.</param>
internal sealed record LayeredModel(int Width, int Layers, int Length)
{
    private const int Vocabulary = 512;
    private const int Heads = 8;

    /// <summary>Writes it with 32 samples and the recipe to train it with AdamW, one sample on each rank.</summary>
    public Job Save()
    {
        var job = Job.Empty();
        Write(job.PathOf("model.onnx"));
        var random = new Random(2);
        foreach (var name in (string[])["ids", "labels"])
        {
            NpyWriter.Write(job.PathOf($"{name}.npy"), [.. Enumerable.Range(0, 32 * Length).Select(_ => (long)random.Next(Vocabulary))], 32, Length);
        }

        return job
            .With("data.train.fields", """{ "ids": "ids.npy", "labels": "labels.npy" }""")
            .With("optim_wrapper.optimizer", """{ "type": "AdamW", "lr": 1e-4, "weight_decay": 0.1 }""")
            .With("micro_batch_size", "1")
            .With("log.interval", "1")
            .With("coordinator.address", "\"none\"");
    }

    private void Write(string path)
    {
        var graph = new GraphProto { Name = "layers" };
        var random = new Random(1);
        graph.Initializer.Add(TensorFactory.Vector("heads", 0, Length, Heads, Width / Heads));
        graph.Initializer.Add(TensorFactory.Vector("flat", 0, Length, Width));
        graph.Initializer.Add(TensorFactory.Scalar("scale", MathF.Sqrt((float)Heads / Width)));
        Node("Gather", [Weight("embedding", Vocabulary, Width), "ids"], "x");
        var x = "x";
        for (var layer = 0; layer < Layers; layer++)
        {
            x = Layer($"layers.{layer}.", x);
        }

        Node("MatMul", [x, Weight("head.weight", Width, Vocabulary)], "logits");
        graph.Input.Add(ValueInfos.Create("ids", TensorElementType.Int64, [1, Length]));
        graph.Output.Add(ValueInfos.Create("logits", TensorElementType.Float, [1, Length, Vocabulary]));
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 18 });
        new OnnxModel(model).Save(path);

        string Layer(string name, string input)
        {
            var qkv = Linear($"{name}qkv", Norm($"{name}norm1", input), Width, 3 * Width);
            var split = NodeFactory.Create("Split", [qkv], [$"{name}q", $"{name}k", $"{name}v"], $"{name}split").SetInt("axis", -1).SetInt("num_outputs", 3);
            graph.Node.Add(split);
            var scores = Node("MatMul", [PerHead($"{name}q", 0, 2, 1, 3), PerHead($"{name}k", 0, 2, 3, 1)], $"{name}scores");
            var weights = Node("Softmax", [Node("Mul", [scores, "scale"], $"{name}scaled")], $"{name}attention");
            var mixed = Node("MatMul", [weights, PerHead($"{name}v", 0, 2, 1, 3)], $"{name}mixed");
            graph.Node.Add(NodeFactory.Create("Transpose", [mixed], [$"{name}back"], $"{name}back").SetInts("perm", 0, 2, 1, 3));
            var attended = Node("Add", [input, Linear($"{name}out", Node("Reshape", [$"{name}back", "flat"], $"{name}together"), Width, Width)], $"{name}attended");
            var up = Node("Relu", [Linear($"{name}up", Norm($"{name}norm2", attended), Width, 4 * Width)], $"{name}active");
            return Node("Add", [attended, Linear($"{name}down", up, 4 * Width, Width)], $"{name}result");
        }

        string PerHead(string value, params long[] order)
        {
            Node("Reshape", [value, "heads"], $"{value}_heads");
            graph.Node.Add(NodeFactory.Create("Transpose", [$"{value}_heads"], [$"{value}_turned"], $"{value}_turned").SetInts("perm", order));
            return $"{value}_turned";
        }

        string Norm(string name, string input) => Node(
            "LayerNormalization", [input, Parameter($"{name}.weight", [Width], () => 1), Parameter($"{name}.bias", [Width], () => 0)], $"{name}_result");

        string Linear(string name, string input, int rows, int columns) => Node(
            "Add", [Node("MatMul", [input, Weight($"{name}.weight", rows, columns)], $"{name}_product"), Parameter($"{name}.bias", [columns], () => 0)], $"{name}_sum");

        string Weight(string name, params long[] shape) => Parameter(name, shape, () => 0.04f * (random.NextSingle() - 0.5f));

        string Parameter(string name, long[] shape, Func<float> value)
        {
            var values = new float[shape.Aggregate(1L, (product, length) => product * length)];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = value();
            }

            graph.Initializer.Add(TensorFactory.FromSingles(name, shape, values));
            return name;
        }

        string Node(string type, string[] inputs, string output)
        {
            graph.Node.Add(NodeFactory.Create(type, inputs, [output], output));
            return output;
        }
    }
}
