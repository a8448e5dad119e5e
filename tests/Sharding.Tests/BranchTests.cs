using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>Parameters that the branches of an If read.</summary>
public sealed class BranchTests
{
    private const int Size = 24;

    [Fact]
    public void Stage_3_gathers_for_branches_and_trains_as_stage_0_does()
    {
        Assert.Equal(Train(0), Train(3));
    }

    [Fact]
    public void A_parameter_is_of_the_kind_that_its_branch_makes_it()
    {
        var uses = ParameterKinds.Detect(Model(), ["embed", "left", "right", "norm"]);
        Assert.Equal(ParameterKind.Linear, uses["left"].Kind);
        Assert.Equal(ParameterKind.Norm, uses["norm"].Kind);
        Assert.Equal(ParameterKind.Linear, uses["embed"].Kind);
    }

    private static float[] Train(int stage)
    {
        var model = Model();
        var names = model.Graph.Initializer.Where(tensor => tensor.Dims.Count > 0).Select(tensor => tensor.Name).ToArray();
        using var sample = OrtTensor.FromSingles(Input(1), 2, Size);
        var values = ModelProbe.Describe(VlmJob.Environment, model, new Dictionary<string, OrtTensor> { ["x"] = sample });
        var graph = new TrainingGraphBuilder().Build(model, values, new LossOptions { Type = LossType.ModelOutput, Output = "loss" }, names);
        var groups = ParameterGroupTable.Resolve(
            [.. graph.Parameters.Select(parameter => new ParameterDescription(parameter.Name, parameter.Shape, ParameterKind.Linear))],
            new OptimizerSettings { LearningRate = 1e-2 }, null, []);
        var options = new ZeroOptions { Stage = stage, PersistenceThreshold = 0 };
        using var engine = new ZeroEngine(PartitionPlan.Create(graph, 1, options), groups, new SingleProcessCommunicator(), options);
        foreach (var parameter in graph.Parameters)
        {
            engine.LoadParameter(parameter.Name, model.Graph.FindInitializer(parameter.Name)!.ToSingles());
        }

        var attached = engine.AttachReduceGrad(graph);
        using var session = VlmJob.Open(attached, [.. engine.Operators]);
        using var loss = OrtTensor.FromSingles([0f]);
        using var token = OrtTensor.FromSingles([0f]);
        using var binding = VlmJob.Bind(session, attached, engine, loss, token);
        var losses = new List<float>();
        foreach (var sign in (ReadOnlySpan<int>)[1, -1, 1, -1])
        {
            using var x = OrtTensor.FromSingles(Input(sign), 2, Size);
            binding.Input("x", x);
            engine.BeginMicroBatch(true, true);
            session.Run(binding);
            losses.Add(loss.Span<float>()[0]);
            engine.Step(new UpdateSettings { GradientDivisor = 1, LearningRates = [1e-2], WeightDecays = [0.01] });
        }

        Assert.Equal(4, losses.Distinct().Count());
        return [.. losses];
    }

    private static float[] Input(int sign) => [.. Enumerable.Range(0, 2 * Size).Select(i => sign * (1 + MathF.Sin(i)))];

    /// <summary>Two linear layers behind a shared one, of which the sign of the input chooses one.</summary>
    private static OnnxModel Model()
    {
        var graph = new GraphProto { Name = "branches" };
        graph.Input.Add(ValueInfos.Create("x", TensorElementType.Float, (ReadOnlySpan<long>)[2, Size]));
        foreach (var (name, rows) in new[] { ("embed", Size), ("left", Size), ("right", Size), ("norm", 0) })
        {
            long[] shape = rows == 0 ? [Size] : [rows, Size];
            graph.Initializer.Add(TensorFactory.FromSingles(name, shape, [.. Enumerable.Range(0, Math.Max(1, rows) * Size).Select(i => MathF.Cos(i + name.Length) / 5)]));
        }

        graph.Initializer.Add(TensorFactory.FromSingles("zero", [], [0]));
        var then = new GraphProto { Name = "then" };
        then.Node.Add(NodeFactory.Create("LayerNormalization", ["h", "norm"], ["normal"]));
        then.Node.Add(NodeFactory.Create("MatMul", ["normal", "left"], ["y_left"]));
        then.Output.Add(ValueInfos.Create("y_left", TensorElementType.Float, (ReadOnlySpan<long>)[2, Size]));
        var otherwise = new GraphProto { Name = "otherwise" };
        otherwise.Node.Add(NodeFactory.Create("MatMul", ["h", "right"], ["right_product"]));
        otherwise.Node.Add(NodeFactory.Create("MatMul", ["right_product", "embed"], ["y_right"]));
        otherwise.Output.Add(ValueInfos.Create("y_right", TensorElementType.Float, (ReadOnlySpan<long>)[2, Size]));
        var choice = NodeFactory.Create("If", ["is_positive"], ["y"], "choice");
        foreach (var (name, branch) in Subgraphs.BranchNames.Zip([then, otherwise]))
        {
            choice.Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = branch });
        }

        graph.Node.Add(NodeFactory.Create("ReduceSum", ["x"], ["total"]).SetInt("keepdims", 0));
        graph.Node.Add(NodeFactory.Create("Greater", ["total", "zero"], ["is_positive"]));
        graph.Node.Add(NodeFactory.Create("MatMul", ["x", "embed"], ["product"]));
        graph.Node.Add(NodeFactory.Create("Tanh", ["product"], ["h"]));
        graph.Node.Add(choice);
        graph.Node.Add(NodeFactory.Create("Mul", ["y", "y"], ["squares"]));
        graph.Node.Add(NodeFactory.Create("ReduceSum", ["squares"], ["loss"]).SetInt("keepdims", 0));
        graph.Output.Add(ValueInfos.Create("loss", TensorElementType.Float, (ReadOnlySpan<long>)[]));
        var proto = new ModelProto { IrVersion = 8, Graph = graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return new OnnxModel(proto);
    }
}
