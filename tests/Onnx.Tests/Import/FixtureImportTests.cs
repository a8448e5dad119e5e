using System.Text.Json;

namespace OrtZero.Onnx.Tests.Import;

public sealed class FixtureImportTests
{
    [Theory]
    [InlineData("vlm/vlm.onnx", "vlm/golden/grads_step1.npz")]
    [InlineData("gpt_nano/gpt_nano.onnx", "gpt_nano/golden/grads_step1.npz")]
    [InlineData("zoo/activations/model.onnx", "zoo/activations/grads_step1.npz")]
    [InlineData("zoo/bert/model.onnx", "zoo/bert/grads_step1.npz")]
    [InlineData("zoo/cnn_bn/model.onnx", "zoo/cnn_bn/grads_step1.npz")]
    [InlineData("zoo/llama_rope_gqa/model.onnx", "zoo/llama_rope_gqa/grads_step1.npz")]
    [InlineData("zoo/lstm/model.onnx", "zoo/lstm/grads_step1.npz")]
    [InlineData("zoo/moe/model.onnx", "zoo/moe/grads_step1.npz")]
    [InlineData("zoo/unet/model.onnx", "zoo/unet/grads_step1.npz")]
    public void Trainable_parameters_are_those_with_a_gradient_in_pytorch(string modelPath, string gradientsPath)
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture(modelPath));
        var report = ModelImporter.Import(model);
        var gradients = NpyArray.LoadArchive(RepositoryPaths.Fixture(gradientsPath));

        var trainable = report.Parameters.Where(parameter => parameter.Trainable).ToList();
        Assert.Equal(gradients.Keys.Order(StringComparer.Ordinal), trainable.Select(parameter => parameter.Name).Order(StringComparer.Ordinal));
        Assert.All(trainable, parameter =>
        {
            Assert.False(parameter.Transposed);
            Assert.Equal(parameter.Name, parameter.OriginalName);
            Assert.Equal(gradients[parameter.Name].Shape.Select(length => (long)length), model.Graph.FindInitializer(parameter.Name)!.Shape());
        });
        Assert.Equal(model.Graph.Initializer.Names(), report.Parameters.Select(parameter => parameter.Name));
    }

    [Fact]
    public void Default_export_gets_all_its_names_back_with_transposed_linear_weights()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm_default_export.onnx"));
        var report = ModelImporter.Import(model);

        using var document = JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("vlm", "params.json")));
        var expected = document.RootElement.EnumerateObject()
            .Where(property => !property.Name.StartsWith("visual_encoder.bn.", StringComparison.Ordinal))
            .ToDictionary(property => property.Name, property => property.Value.EnumerateArray().Select(length => length.GetInt64()).ToArray());
        Assert.Equal(53, expected.Count);
        Assert.Equal(53, report.Parameters.Count(parameter => parameter.Trainable));
        Assert.Equal(
            expected.Keys.Order(StringComparer.Ordinal),
            report.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name).Order(StringComparer.Ordinal));
        foreach (var parameter in report.Parameters)
        {
            var shape = model.Graph.FindInitializer(parameter.Name)!.Shape();
            Assert.Equal(expected[parameter.Name], parameter.Transposed ? [.. shape.Reverse()] : shape);
        }

        Assert.Equal(21, report.Parameters.Count(parameter => parameter.Transposed));
        Assert.DoesNotContain(model.Graph.Node, node => node.OpType == "Identity");
        Assert.All(report.Messages, message => Assert.EndsWith(".", message, StringComparison.Ordinal));
        Assert.NotEmpty(new GraphIndex(model.Graph).TopologicalOrder());
    }

    [Fact]
    public void Default_export_keeps_the_values_of_the_plain_export()
    {
        var plain = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx")).Graph;
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm_default_export.onnx"));
        foreach (var parameter in ModelImporter.Import(model).Parameters)
        {
            // The batch norm was folded into this convolution.
            if (parameter.Name.StartsWith("visual_encoder.patch.", StringComparison.Ordinal))
            {
                continue;
            }

            var expected = plain.FindInitializer(parameter.Name)!;
            var values = model.Graph.FindInitializer(parameter.Name)!.ToSingles();
            Assert.Equal(expected.ToSingles(), parameter.Transposed ? Transpose(values, (int)expected.Dims[1], (int)expected.Dims[0]) : values);
        }
    }

    [Fact]
    public void Default_export_goes_out_with_the_names_it_came_with()
    {
        var path = RepositoryPaths.Fixture("vlm", "vlm_default_export.onnx");
        var original = OnnxModel.Load(path).Graph.Initializer.Names();
        var model = OnnxModel.Load(path);
        var report = ModelImporter.Import(model);
        var trained = model.Clone();

        ModelImporter.RestoreNames(trained, report);

        var names = trained.Graph.Initializer.Names();
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.Superset(original.ToHashSet(), names.ToHashSet());
        Assert.Equal(53, names.Length);
        Assert.Contains("visual_encoder.norm.weight", names);
        Assert.Contains("onnx::MatMul_325", names);
        Assert.NotEmpty(new GraphIndex(trained.Graph).TopologicalOrder());
    }

    private static float[] Transpose(float[] values, int rows, int columns)
    {
        var result = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            result[(i % columns * rows) + (i / columns)] = values[i];
        }

        return result;
    }
}
