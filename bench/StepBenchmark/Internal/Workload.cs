namespace OrtZero.StepBenchmark.Internal;

/// <summary>A model, its data and the global batch of a step.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Folder">Its folder below tests/fixtures.</param>
/// <param name="Fields">The file of each input below golden/, whose first two axes together count samples.</param>
/// <param name="GlobalBatch">Samples of all ranks together in one step.</param>
/// <param name="UnitsPerSample">What one sample counts in throughput.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="WarmUp">Steps before measuring: enough for the runtime to have optimized the kernels.</param>
internal sealed record Workload(
    string Name, string Folder, IReadOnlyDictionary<string, string> Fields, int GlobalBatch, int UnitsPerSample, string Unit, int WarmUp)
{
    internal static IReadOnlyList<Workload> All { get; } =
    [
        new("gpt_nano", "gpt_nano", new Dictionary<string, string> { ["input_ids"] = "inputs.npy", ["labels"] = "labels.npy" }, 16, 128, "tokens", 20),
        new(
            "vlm", "vlm", new Dictionary<string, string> { ["image"] = "image.npy", ["input_ids"] = "input_ids.npy", ["labels"] = "labels.npy" },
            32, 1, "samples", 60),
    ];

    internal string ModelPath => Path.Combine(Repository.Root, "tests", "fixtures", Folder, $"{Name}.onnx");

    /// <summary>Writes the arrays as data sets, a sample per row, named after the inputs they feed.</summary>
    internal void WriteData(string folder)
    {
        foreach (var (input, file) in Fields)
        {
            SampleRows.Write(Path.Combine(Repository.Root, "tests", "fixtures", Folder, "golden", file), Path.Combine(folder, $"{input}.npy"));
        }
    }
}
