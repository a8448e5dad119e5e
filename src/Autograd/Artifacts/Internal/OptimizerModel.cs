using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The optimizer as a graph: the runtime checks the names and the order of its inputs.</summary>
internal static class OptimizerModel
{
    private const string Domain = "com.microsoft";

    private static readonly string[] s_adamW = ["params", "gradients", "first_order_moments", "second_order_moments"];

    public static OnnxModel Build(OfficialOptimizer optimizer, long opset, OfficialNames names)
    {
        var isAdamW = optimizer.Kind == OfficialOptimizerKind.AdamW;
        var model = new ModelProto { IrVersion = 9, ProducerName = "orttraining", Graph = new GraphProto { Name = "graph" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Domain, Version = 1 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        var graph = model.Graph;
        graph.Input.Add(ForwardGraph.Describe("learning_rate", TensorElementType.Float, [1]));
        graph.Input.Add(ForwardGraph.Describe("step", TensorElementType.Int64, [1]));
        graph.Input.AddRange((isAdamW ? s_adamW : s_adamW[..3]).Select(Sequence));
        var gradients = "gradients";
        if (optimizer.MaxNorm is { } maxNorm)
        {
            gradients = names.Next("clip_grad_norm_output");
            graph.Node.Add(NodeFactory.Create("InplaceClipGradNorm", ["gradients"], [gradients], names.Next("InplaceClipGradNorm"), Domain)
                .SetFloat("max_norm", maxNorm));
            graph.ValueInfo.Add(Sequence(gradients));
        }

        var flag = names.Next(isAdamW ? "adamw.updated_flag" : "update_completed");
        graph.Node.Add(isAdamW
            ? NodeFactory.Create(
                "AdamWOptimizer", ["learning_rate", "step", "params", gradients, "first_order_moments", "second_order_moments"], [flag],
                names.Next("AdamWOptimizer"), Domain)
                .SetFloat("alpha", optimizer.Beta1).SetFloat("beta", optimizer.Beta2).SetFloat("epsilon", optimizer.Epsilon)
                .SetFloat("weight_decay", optimizer.WeightDecay).SetInt("correct_bias", optimizer.CorrectBias ? 1 : 0)
                .SetInt("adam_mode", optimizer.IsTorchOrder ? 0 : 1)
            : NodeFactory.Create("SGDOptimizerV2", ["learning_rate", "params", gradients], [flag], names.Next("SGDOptimizerV2"), Domain));
        graph.Output.Add(ForwardGraph.Describe(flag, TensorElementType.Bool, [1]));
        return new OnnxModel(model);
    }

    private static ValueInfoProto Sequence(string name) => new()
    {
        Name = name,
        Type = new TypeProto
        {
            SequenceType = new TypeProto.Types.Sequence
            {
                ElemType = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float } },
            },
        },
    };
}
