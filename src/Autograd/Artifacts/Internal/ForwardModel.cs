using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>Makes an ordinary model of an evaluation model: parameters are initializers again.</summary>
internal static class ForwardModel
{
    public static OnnxModel Build(OnnxModel evaluation, OfficialCheckpoint checkpoint)
    {
        var model = evaluation.Clone();
        var graph = model.Graph;
        var version = model.Proto.OpsetImport.Where(import => import.Domain is "" or "ai.onnx").Select(import => import.Version).DefaultIfEmpty(0).Max();
        var used = graph.Node.Select(node => node.Domain).ToHashSet(StringComparer.Ordinal);
        var imports = model.Proto.OpsetImport.Where(import => import.Domain is not ("" or "ai.onnx") && used.Contains(import.Domain)).DistinctBy(import => import.Domain).ToList();
        model.Proto.OpsetImport.Clear();
        model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = version });
        model.Proto.OpsetImport.AddRange(imports);
        foreach (var tensor in checkpoint.Trainable.Concat(checkpoint.Frozen))
        {
            graph.Input.RemoveWhere(input => input.Name == tensor.Name);
            graph.SetInitializer(tensor);
        }

        var loss = graph.Output.Count > 0
            ? graph.Output[0]
            : throw new ArtifactException($"{model.Path ?? "eval_model.onnx"} has no outputs; write the artifacts again.");
        var producer = graph.Node.FirstOrDefault(node => node.Output.Contains(loss.Name));
        if (producer?.OpType is "SoftmaxCrossEntropyLoss" or "NegativeLogLikelihoodLoss" && graph.Output.All(output => output.Name != producer.Input[0]))
        {
            graph.Output.Add(new ValueInfoProto
            {
                Name = producer.Input[0],
                Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float } },
            });
        }

        return model;
    }
}
