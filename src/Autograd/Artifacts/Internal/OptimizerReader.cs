using OrtZero.Onnx;

namespace OrtZero.Autograd.Internal;

/// <summary>Reads the settings of an optimizer model: the attributes of its one optimizer node and of the clipping before it.</summary>
internal static class OptimizerReader
{
    public static OfficialOptimizer Read(OnnxModel model)
    {
        var nodes = model.Graph.Node.Where(node => node.Domain == "com.microsoft").ToList();
        var clip = nodes.FirstOrDefault(node => node.OpType == "InplaceClipGradNorm");
        float? maxNorm = clip?.GetFloat("max_norm", 1);
        return nodes.Where(node => node.OpType is "AdamWOptimizer" or "SGDOptimizerV2").ToList() switch
        {
            [{ OpType: "AdamWOptimizer" } node] => new OfficialOptimizer
            {
                Kind = OfficialOptimizerKind.AdamW,
                Beta1 = node.GetFloat("alpha", 0.9f),
                Beta2 = node.GetFloat("beta", 0.999f),
                Epsilon = node.GetFloat("epsilon", 1e-8f),
                WeightDecay = node.GetFloat("weight_decay", 1e-2f),
                CorrectBias = node.GetInt("correct_bias", 1) != 0,
                IsTorchOrder = node.GetInt("adam_mode", 0) == 0,
                MaxNorm = maxNorm,
            },
            [_] => new OfficialOptimizer { Kind = OfficialOptimizerKind.Sgd, MaxNorm = maxNorm },
            var several => throw new ArtifactException(
                $"{model.Path ?? "optimizer_model.onnx"} has {several.Count} optimizer nodes (AdamWOptimizer or SGDOptimizerV2), and must have one; write the artifacts again."),
        };
    }
}
