using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>
/// Classifiers that people know, in the form ONNX tests itself with: operator set 9, every weight filled with one number by a node. They are
/// imported as a user's model would be, and take training steps.
/// </summary>
public class ClassifierTests
{
    /// <summary>The name and the number of elements that are trained.</summary>
    public static TheoryData<string, long> Models => new()
    {
        { "bvlc_alexnet", 60965224 }, { "densenet121", 8062504 }, { "inception_v1", 6998552 }, { "inception_v2", 11214888 }, { "resnet50", 25557032 },
        { "shufflenet", 1393320 }, { "squeezenet", 1235496 }, { "vgg19", 143667240 }, { "zfnet512", 87250536 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Takes_a_training_step(string name, long elements)
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("classifiers", $"light_{name}.onnx"));
        var import = ModelImporter.Import(model);
        var trainable = import.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).ToArray();
        var stored = model.Graph.Initializer.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        Assert.Equal(elements, trainable.Sum(parameter => stored[parameter].ElementCount()));
        Assert.DoesNotContain(model.Graph.Node, node => node.OpType == "ConstantOfShape");

        // What is not trained are the statistics of normalizations and the ratios of dropouts.
        var index = new GraphIndex(model.Graph);
        var others = stored.Values.Where(tensor => tensor.ElementType().IsFloatingPoint()).Select(tensor => tensor.Name).Except(trainable);
        Assert.All(others, tensor => Assert.All(index.Consumers(tensor), node => Assert.True(
            (node.OpType == "BatchNormalization" && node.Input.IndexOf(tensor) >= 3) || (node.OpType == "Dropout" && node.Input.IndexOf(tensor) == 1), tensor)));

        var image = model.Graph.Input.Single();
        var batch = new Dictionary<string, TensorProto>(StringComparer.Ordinal)
        {
            [image.Name] = Tensors.Of(TensorElementType.Float, image.Shape()!, Tensors.Spread(3 * 224 * 224, -2, 2, 7)),
        };
        if (model.Graph.Node.SingleOrDefault(node => node.OpType == "Softmax") is { } softmax)
        {
            // Cross-entropy has its own softmax.
            model.Graph.Output.Clear();
            model.Graph.Output.Add(ValueInfos.Create(softmax.Input[0], TensorElementType.Float, (ReadOnlySpan<long>)[1, 1000]));
        }

        var output = model.Graph.Output[0];
        batch["labels"] = TensorFactory.FromInt64s("labels", output.Shape()!.Length == 2 ? [1] : [1, 1, 1], [7]);
        var loss = new LossOptions { Output = output.Name, Labels = "labels", Axis = 1 };
        var graph = new TrainingGraphBuilder().Build(model, Ort.Probe(model, batch.Where(pair => pair.Key != "labels").ToDictionary(StringComparer.Ordinal)), loss, trainable);
        using var step = new ClassifierStep(graph, batch, stored);

        // Equal scores make equal probabilities; only what the scores come from directly has a gradient other than 0 then.
        var equal = step.Run();
        Assert.Equal(Math.Log(1000), equal.Loss, 1e-3);
        Assert.All(equal.Norms, norm => Assert.True(double.IsFinite(norm)));
        Assert.Contains(equal.Norms, norm => norm > 0);

        // With different weights every parameter has a gradient, and a step against it lowers the loss by as much as it says.
        step.Randomize();
        var before = step.Run();
        Assert.True(double.IsFinite(before.Loss));
        Assert.All(graph.Parameters.Zip(before.Norms), pair => Assert.True(pair.Second > 0 && double.IsFinite(pair.Second), $"{pair.First.Name}: {pair.Second}"));
        var square = before.Norms.Sum(norm => norm * norm);
        var expected = 2e-3 * before.Loss;
        step.Descend(expected / square);
        Assert.Equal(expected, before.Loss - step.Run().Loss, 0.3 * expected);
    }
}
