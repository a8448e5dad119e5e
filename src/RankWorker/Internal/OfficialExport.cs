using System.Runtime.InteropServices;
using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Sharding;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker export CHECKPOINT --official FILE</c>: a checkpoint as the official runtime reads it.</summary>
internal static class OfficialExport
{
    private static readonly string[] s_moments = ["exp_avg", "exp_avg_sq"];

    /// <param name="reader">What to write.</param>
    /// <param name="artifacts">The artifacts that were trained: their frozen parameters and properties go along. Null: there are none.</param>
    /// <param name="path">The file.</param>
    /// <param name="average">Whether the moving average of the parameters is written where there is one.</param>
    internal static void Write(CheckpointReader reader, string? artifacts, string path, bool average)
    {
        var before = artifacts is null ? new OfficialCheckpoint() : OfficialArtifacts.Load(artifacts).Checkpoint;
        var parameters = reader.Manifest.Parameters;

        // A parameter that cfg.json froze is not in the checkpoint and has the value that it had.
        var values = parameters.ToDictionary(
            parameter => parameter.Name, parameter => TensorFactory.FromSingles(parameter.Name, parameter.Shape, CheckpointExport.Weights(reader, parameter.Name, average)), StringComparer.Ordinal);
        var checkpoint = before with
        {
            Trainable = before.Trainable.Count == 0
                ? [.. parameters.Select(parameter => values[parameter.Name])]
                : [.. before.Trainable.Select(tensor => values.GetValueOrDefault(tensor.Name) ?? tensor)],
            OptimizerGroups = Groups(reader, before),
        };
        checkpoint.Save(path);
    }

    // The official runtime knows one group and AdamW's moments; other optimizers begin anew there.
    private static OptimizerGroupState[] Groups(CheckpointReader reader, OfficialCheckpoint before)
    {
        var manifest = reader.Manifest;
        if (manifest.Optimizer is { } optimizer && !s_moments.All(optimizer.States.Contains))
        {
            return [];
        }

        var rate = before.OptimizerGroups.Select(group => group.InitialLearningRate).FirstOrDefault((float)manifest.Groups.Max(group => group.LearningRate));
        return
        [
            new OptimizerGroupState("group0", manifest.Updates, rate, [.. manifest.Parameters.Select(parameter => new ParameterMoments(
                parameter.Name,
                [.. s_moments.Select((state, index) => Moment($"momentum{index}", parameter, reader.ReadState(state, parameter.Name)))]))]),
        ];
    }

    private static TensorProto Moment(string name, CheckpointParameter parameter, float[] values) =>
        TensorFactory.Raw(name, TensorElementType.Float, parameter.Shape, MemoryMarshal.AsBytes(values.AsSpan()));
}
