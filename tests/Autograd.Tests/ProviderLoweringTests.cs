using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>What is written in place of operators that WebGPU lacks, beside those that the cases of rules cover.</summary>
public class ProviderLoweringTests
{
    /// <summary>Halves, which round to even, both signs, and numbers around the bounds below.</summary>
    private static readonly double[] s_numbers = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3, -0.7, 0.8, 3.49, -1.2, 0];

    private static readonly string[] s_lacking = ["Round", "Or", "Xor", "Sign", "Sum", "Mean", "Selu", "Celu", "Softsign", "LogSoftmax", "Dropout"];

    [Fact]
    public void Operators_that_webgpu_lacks_are_written_as_others_of_the_same_value()
    {
        var graph = new GraphProto { Name = "test" };
        graph.Initializer.Add(Tensors.Of(TensorElementType.Float, [12], s_numbers, "p"));
        graph.Initializer.Add(TensorFactory.FromSingles("half", [], [0.5f]));
        Add("Round", ["p"], "rounded");
        Add("Greater", ["p", "half"], "above");
        Add("Less", ["p", "rounded"], "below");
        Add("Or", ["above", "below"], "either");
        Add("Xor", ["either", "below"], "one");
        Add("Where", ["one", "p", "rounded"], "chosen");
        Add("Sign", ["p"], "sign");
        Add("Selu", ["p"], "selu");
        Add("Celu", ["p"], "celu");
        Add("Softsign", ["p"], "soft");
        Add("LogSoftmax", ["p"], "log");
        Add("Dropout", ["p"], "kept");
        Add("Mean", ["selu", "celu", "soft"], "mean");
        Add("Sum", ["chosen", "sign", "mean", "log", "kept"], "all");
        Add("ReduceSum", ["all"], "total").SetInt("keepdims", 0);
        graph.Output.Add(new ValueInfoProto { Name = "total" });
        var proto = new ModelProto { IrVersion = 8, Graph = graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        var model = new OnnxModel(proto);
        var values = Ort.Probe(model, new Dictionary<string, TensorProto>());
        var loss = new LossOptions { Type = LossType.ModelOutput, Output = "total" };

        var plain = Build(OperatorTarget.Any);
        var lowered = Build(OperatorTarget.WebGpu);

        Assert.Equal(s_lacking.Order(), plain.Model.Graph.Node.Select(node => node.OpType).Intersect(s_lacking).Order());
        Assert.Empty(lowered.Model.Graph.Node.Select(node => node.OpType).Intersect(s_lacking));
        Assert.Equal(Run(plain, "loss")[0], Run(lowered, "loss")[0], 1e-5);
        Assert.All(Run(plain, "p_grad").Zip(Run(lowered, "p_grad")), pair => Assert.Equal(pair.First, pair.Second, 1e-6));

        NodeProto Add(string type, string[] inputs, string output)
        {
            var node = new NodeProto { OpType = type, Name = output, Output = { output } };
            node.Input.AddRange(inputs);
            graph.Node.Add(node);
            return node;
        }

        TrainingGraph Build(OperatorTarget target) =>
            new TrainingGraphBuilder(new GradientOptions { FusedKernels = false, Target = target }).Build(model, values, loss, ["p"]);

        double[] Run(TrainingGraph built, string output)
        {
            using var session = Ort.Open(built.Model);
            return Ort.Run(session, new Dictionary<string, TensorProto> { ["p"] = graph.Initializer[0] })[output];
        }
    }
}
