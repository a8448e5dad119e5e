using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>The files of artifacts, and the batches to train them on.</summary>
internal sealed record OfficialJob(
    string Training, string Evaluation, string Optimizer, string Checkpoint, IReadOnlyList<Dictionary<string, TensorProto>> Batches)
{
    /// <summary>Writes artifacts into a folder.</summary>
    public static OfficialJob Save(OfficialArtifacts artifacts, string folder, IReadOnlyList<Dictionary<string, TensorProto>> batches)
    {
        var paths = artifacts.Save(folder);
        Assert.Equal(["training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint"], paths.Select(Path.GetFileName));
        return new OfficialJob(paths[0], paths[1], paths[2], paths[3], batches);
    }
}
