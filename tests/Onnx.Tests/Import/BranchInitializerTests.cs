using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests.Import;

/// <summary>Initializers that the branches of If nodes store themselves.</summary>
public sealed class BranchInitializerTests
{
    [Fact]
    public void Initializers_of_branches_become_parameters_of_the_model()
    {
        var (model, then, otherwise) = Model(ModelBuilder.Random("left", 1, 4), ModelBuilder.Random("right", 2, 4));
        var report = ModelImporter.Import(model);
        Assert.Equal(["left", "right"], report.Parameters.Select(parameter => parameter.Name));
        Assert.All(report.Parameters, parameter => Assert.True(parameter.Trainable));
        Assert.Empty(then.Initializer.Concat(otherwise.Initializer));
        Assert.Equal(2, report.Messages.Count(message => message.Contains("belongs to the model now", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_same_initializer_in_both_branches_is_one_parameter()
    {
        var (model, _, _) = Model(ModelBuilder.Random("w", 1, 4), ModelBuilder.Random("w", 1, 4));
        Assert.Equal("w", Assert.Single(ModelImporter.Import(model).Parameters).Name);
    }

    [Fact]
    public void Different_initializers_of_one_name_are_told_apart()
    {
        var (model, then, otherwise) = Model(ModelBuilder.Random("w", 1, 4), ModelBuilder.Random("w", 2, 4));
        var report = ModelImporter.Import(model);
        Assert.Equal(["w", "w_1"], report.Parameters.Select(parameter => parameter.Name));
        Assert.Equal("w", then.Node[0].Input[1]);
        Assert.Equal("w_1", otherwise.Node[0].Input[1]);
    }

    [Fact]
    public void A_branch_that_returns_its_initializer_returns_a_copy()
    {
        var (model, then, _) = Model(ModelBuilder.Random("w", 1, 4), ModelBuilder.Random("v", 2, 4));
        then.Node.Clear();
        then.Output[0].Name = "w";
        ModelImporter.Import(model);
        Assert.Equal("w", Assert.Single(then.Node).Input[0]);
        Assert.Equal(then.Node[0].Output[0], then.Output[0].Name);
    }

    private static (OnnxModel Model, GraphProto Then, GraphProto Otherwise) Model(TensorProto left, TensorProto right)
    {
        var choice = NodeFactory.Create("If", ["flag"], ["y"], "choice");
        var branches = new[] { left, right }.Select((tensor, i) =>
        {
            var branch = new GraphProto { Name = $"branch_{i}" };
            branch.Initializer.Add(tensor);
            branch.Node.Add(ModelBuilder.Node("Mul", ["x", tensor.Name], $"product_{i}"));
            branch.Output.Add(ValueInfos.Create($"product_{i}", TensorElementType.Float, 4));
            choice.Attribute.Add(new AttributeProto { Name = Subgraphs.BranchNames[i], Type = AttributeProto.Types.AttributeType.Graph, G = branch });
            return branch;
        }).ToArray();
        var model = ModelBuilder.Create(choice).WithInput("x", 4).WithOutput("y", 4);
        model.Graph.Input.Add(ValueInfos.Create("flag", TensorElementType.Bool, (ReadOnlySpan<long>)[]));
        return (model, branches[0], branches[1]);
    }
}
