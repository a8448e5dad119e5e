using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.StepBenchmark.Internal;

/// <summary>What passes over the training graph save: each on and off in turn, every run a process of its own on one thread.</summary>
/// <param name="vocabulary">Classes of gpt_nano's head and rows of its embedding, which has 256 of its own.</param>
/// <param name="ignored">The share of labels that do not count.</param>
/// <param name="steps">Steps measured in each round.</param>
/// <param name="rounds">How often everything is measured.</param>
internal sealed class PassSuite(int vocabulary, double ignored, int steps, int rounds)
{
    private const long IgnoreIndex = -100;
    private const double Mebibyte = 1 << 20;

    internal int Run()
    {
        var (language, vision) = (Workload.All[0], Workload.All[1]);
        var folder = Directory.CreateTempSubdirectory("ortzero-benchmark-").FullName;
        try
        {
            var head = Prepare(language, Path.Combine(folder, "head"), isWide: true);
            var vlm = Prepare(vision, Path.Combine(folder, "vlm"), isWide: false);
            var dropout = Prepare(language, Path.Combine(folder, "dropout"), isWide: false);
            var masks = AddDropouts(Path.Combine(dropout, "model.onnx"));
            (string Label, Workload Workload, string Folder, Action<JsonNode> Change)[] cases =
            [
                ($"gpt_nano, {vocabulary} classes, {ignored:P0} ignored, label_sparsity off", language, head, settings => settings["graph"] = new JsonObject { ["label_sparsity"] = "off" }),
                ($"gpt_nano, {vocabulary} classes, {ignored:P0} ignored, label_sparsity on", language, head, settings => settings["graph"] = new JsonObject { ["label_sparsity"] = "on" }),
                ("vlm, nothing frozen", vision, vlm, _ => { }),
                ("vlm, visual_encoder. frozen", vision, vlm, settings => settings["model"]!["frozen"] = new JsonArray("visual_encoder.")),
                ($"gpt_nano with {masks} dropouts, dropout off", language, dropout, settings => settings["model"]!["dropout"] = false),
                ($"gpt_nano with {masks} dropouts, dropout 0.1", language, dropout, settings => settings["model"]!["dropout"] = 0.1),
            ];
            var measurements = cases.Select(item => new Measurement(item.Workload, item.Label, isBaseline: false)).ToList();
            for (var round = 0; round < rounds; round++)
            {
                foreach (var (item, measurement) in cases.Zip(measurements))
                {
                    var settings = JsonNode.Parse(new StepCase(item.Workload, 1, 1, 0).Configuration(item.Folder, item.Workload.WarmUp + steps))!;
                    settings["model"]!["path"] = Path.Combine(item.Folder, "model.onnx");
                    item.Change(settings);
                    measurement.Add([Launcher.Run(settings.ToJsonString(), item.Workload.WarmUp, item.Folder)]);
                }
            }

            Console.WriteLine("| | step | processor time of a step | peak memory of the process |\n|---|---:|---:|---:|");
            foreach (var row in measurements)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"| {row.Label} | {row.MedianSeconds * 1000:F1} ms | {row.CpuSeconds * 1000:F1} ms | {row.PeakRss[0] / Mebibyte:F0} MiB |"));
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string Prepare(Workload workload, string folder, bool isWide)
    {
        Directory.CreateDirectory(folder);
        workload.WriteData(folder);
        var model = OnnxModel.Load(workload.ModelPath);
        if (isWide)
        {
            foreach (var name in (string[])["wte.weight", "head.weight"])
            {
                var narrow = model.Graph.FindInitializer(name)!.ToSingles();
                var width = (int)model.Graph.FindInitializer(name)!.Shape()[1];
                var wide = new float[vocabulary * width];
                for (var i = 0; i < wide.Length; i++)
                {
                    wide[i] = narrow[i % narrow.Length];
                }

                model.Graph.SetInitializer(TensorFactory.FromSingles(name, [vocabulary, width], wide));
            }

            model.Graph.Output[0].Type.TensorType.Shape.Dim[^1].DimValue = vocabulary;
            Ignore(Path.Combine(folder, "labels.npy"));
        }

        model.Save(Path.Combine(folder, "model.onnx"));
        return folder;
    }

    // Behind the weights of every attention and behind its output projection.
    private static int AddDropouts(string path)
    {
        var model = OnnxModel.Load(path);
        var nodes = model.Graph.Node;
        var before = nodes.Where(node => node.OpType == "Softmax" || node.Name.EndsWith("/attn/proj/Add", StringComparison.Ordinal)).ToList();
        foreach (var node in before)
        {
            var value = node.Output[0];
            node.Output[0] = $"{value}/whole";
            nodes.Insert(nodes.IndexOf(node) + 1, new NodeProto { OpType = "Dropout", Name = $"{node.Name}/dropout", Input = { node.Output[0] }, Output = { value } });
        }

        model.Save(path);
        return before.Count;
    }

    // The fixtures' labels are version 1 files of int64 numbers.
    private void Ignore(string labels)
    {
        var bytes = File.ReadAllBytes(labels);
        var random = new Random(1);
        foreach (ref var label in MemoryMarshal.Cast<byte, long>(bytes.AsSpan(10 + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8)))))
        {
            label = random.NextDouble() < ignored ? IgnoreIndex : label;
        }

        File.WriteAllBytes(labels, bytes);
    }
}
