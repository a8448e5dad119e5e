using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Finds artifacts in a folder by what is in the files, since the official tool puts any prefix before their names and its own
/// tests name them otherwise.
/// </summary>
internal static class ArtifactFolder
{
    private static readonly string[] s_optimizers = ["AdamWOptimizer", "SGDOptimizerV2"];

    public static OfficialArtifacts Load(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new ArtifactException($"There is no folder '{folder}' with training artifacts; check the path.");
        }

        var models = Directory.EnumerateFiles(folder, "*.onnx").Order(StringComparer.Ordinal).Select(OnnxModel.Load).ToList();
        var training = Only(models, folder, "training_model.onnx", model => Has(model, "InPlaceAccumulatorV2"))
            ?? throw new ArtifactException($"{folder} has no training model, an .onnx file with com.microsoft.InPlaceAccumulatorV2 nodes; put training_model.onnx there.");
        var optimizer = Only(models, folder, "optimizer_model.onnx", model => s_optimizers.Any(name => Has(model, name)));
        var evaluation = Only(models, folder, "eval_model.onnx", model => model != training && model != optimizer)
            ?? throw new ArtifactException($"{folder} has no evaluation model; put eval_model.onnx there.");
        var checkpoints = Directory.EnumerateFiles(folder).Where(IsCheckpoint).Order(StringComparer.Ordinal)
            .Select(path => (Path: path, Checkpoint: OfficialCheckpoint.Load(path))).Where(pair => !pair.Checkpoint.IsNominal).ToList();
        return checkpoints switch
        {
            [] => throw new ArtifactException($"{folder} has no checkpoint with values (a file with \"ODTC\" at byte 4); put checkpoint there."),
            [var only] => new OfficialArtifacts { Training = training, Evaluation = evaluation, Optimizer = optimizer, Checkpoint = only.Checkpoint },
            [var first, var second, ..] => throw new ArtifactException(
                $"{folder} has two checkpoints, {Path.GetFileName(first.Path)} and {Path.GetFileName(second.Path)}; leave one there."),
        };
    }

    private static OnnxModel? Only(IEnumerable<OnnxModel> models, string folder, string usual, Func<OnnxModel, bool> isIt) => models.Where(isIt).ToList() switch
    {
        [] => null,
        [var only] => only,
        [var first, var second, ..] => throw new ArtifactException(
            $"{folder} has two files that could be {usual}, {Path.GetFileName(first.Path)} and {Path.GetFileName(second.Path)}; leave one there."),
    };

    private static bool Has(OnnxModel model, string operatorName) => model.Graph.Node.Any(node => IsOf(node, operatorName));

    private static bool IsOf(NodeProto node, string operatorName) => node.OpType == operatorName && node.Domain == "com.microsoft";

    private static bool IsCheckpoint(string path)
    {
        using var file = File.OpenRead(path);
        Span<byte> head = stackalloc byte[8];
        return file.ReadAtLeast(head, 8, throwOnEndOfStream: false) == 8 && head[4..].SequenceEqual("ODTC"u8);
    }
}
