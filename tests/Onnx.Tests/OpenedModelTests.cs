using Google.Protobuf;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Tests;

/// <summary>Models whose tensors stay in the file until somebody looks at them.</summary>
public sealed class OpenedModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Model => _folder.File("m.onnx");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_is_the_model_that_loading_gives(bool external)
    {
        var model = ModelBuilder.Create(NodeFactory.Constant("c", ModelBuilder.Random("inside", 4, 200, 100)))
            .With(ModelBuilder.Random("large", 1, 300, 100), ModelBuilder.Random("small", 2, 4), ModelBuilder.Random("larger", 3, 200, 200));
        model.Graph.DocString = "what else a model holds";
        model.Save(Model, external ? new ExternalDataOptions() : null);

        var opened = OnnxModel.Open(Model);

        Assert.Equal(OnnxModel.Load(Model).ToBytes(), opened.ToBytes());
        Assert.Equal(model.Graph.Initializer[2].ToSingles(), opened.Clone().Graph.Initializer[2].ToSingles());
    }

    [Fact]
    public void Models_of_the_exporter_are_read_alike()
    {
        foreach (var fixture in (string[])[RepositoryPaths.Fixture("vlm", "vlm_default_export.onnx"), RepositoryPaths.Fixture("gpt_nano", "gpt_nano.onnx")])
        {
            Assert.Equal(OnnxModel.Load(fixture).ToBytes(), OnnxModel.Open(fixture).ToBytes());
        }
    }

    [Fact]
    public void A_file_that_was_changed_meanwhile_is_refused()
    {
        ModelBuilder.Create().With(ModelBuilder.Random("large", 1, 300, 100)).Save(Model);
        var opened = OnnxModel.Open(Model);
        File.WriteAllBytes(Model, new byte[200_000]);
        File.SetLastWriteTimeUtc(Model, DateTime.UtcNow.AddMinutes(1));

        var exception = Assert.Throws<OnnxFormatException>(() => opened.Graph.Initializer[0].ToSingles());

        Assert.Contains("was changed after it was opened", exception.Message, StringComparison.Ordinal);
        Assert.Contains(Model, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_held_does_not_need_the_file_any_more()
    {
        var tensor = ModelBuilder.Random("large", 1, 300, 100);
        ModelBuilder.Create().With(tensor, ModelBuilder.Random("other", 2, 300, 100)).Save(Model);
        var opened = OnnxModel.Open(Model);
        var clone = opened.Clone();
        opened.Hold(initializer => initializer.Name == "large");
        File.WriteAllBytes(Model, [1]);

        Assert.Equal(tensor.ToSingles(), clone.Graph.Initializer[0].ToSingles());
        Assert.Throws<OnnxFormatException>(() => clone.Graph.Initializer[1].ToSingles());
    }

    [Fact]
    public void A_replaced_file_stays_readable()
    {
        var tensor = ModelBuilder.Random("large", 1, 300, 100);
        ModelBuilder.Create().With(tensor).Save(Model);
        var opened = OnnxModel.Open(Model);
        ModelBuilder.Create().With(ModelBuilder.Random("large", 2, 300, 100)).Save(Model);

        Assert.Equal(tensor.ToSingles(), opened.Graph.Initializer[0].ToSingles());
    }

    [Fact]
    public void A_model_in_two_messages_is_merged_as_loading_does()
    {
        ModelBuilder.Create().With(ModelBuilder.Random("first", 1, 300, 100)).Save(Model);
        var second = new ModelProto { Graph = new GraphProto { Initializer = { ModelBuilder.Random("second", 2, 200, 100) } } };
        using (var file = new FileStream(Model, FileMode.Append))
        {
            second.WriteTo(file);
        }

        Assert.Equal(OnnxModel.Load(Model).ToBytes(), OnnxModel.Open(Model).ToBytes());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(100_000)]
    public void A_truncated_file_is_refused_as_loading_does(int missing)
    {
        ModelBuilder.Create().With(ModelBuilder.Random("large", 1, 300, 100)).Save(Model);
        using (var file = File.OpenWrite(Model))
        {
            file.SetLength(file.Length - missing);
        }

        Assert.Equal(
            Assert.Throws<OnnxFormatException>(() => OnnxModel.Load(Model)).Message, Assert.Throws<OnnxFormatException>(() => OnnxModel.Open(Model)).Message);
    }
}
