using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>A fixture model with its trainable parameters, ready to be differentiated.</summary>
internal sealed class GoldenModel
{
    private readonly LossOptions _loss;

    private GoldenModel(OnnxModel model, ImportReport report, LossOptions loss)
    {
        Model = model;
        Report = report;
        _loss = loss;
        Trainable = [.. report.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name)];
    }

    public OnnxModel Model { get; }

    public ImportReport Report { get; }

    public string[] Trainable { get; }

    public static GoldenModel Load(params string[] path) => Load(LossType.CrossEntropy, path);

    public static GoldenModel Load(LossType loss, params string[] path)
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture(path));
        var report = ModelImporter.Import(model);
        return new GoldenModel(model, report, new LossOptions { Type = loss, Output = model.Graph.Output[0].Name, Labels = "labels" });
    }

    public TrainingGraph Build(Dictionary<string, TensorProto> batch, bool fused, IReadOnlyCollection<string>? trainable = null) =>
        new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused })
            .Build(Model, Ort.Probe(Model, InputsOf(batch)), _loss, trainable ?? Trainable);

    /// <summary>Types and shapes for a batch.</summary>
    public ValueTable Values(Dictionary<string, TensorProto> batch) => Ort.Probe(Model, InputsOf(batch));

    public OnnxModel BuildEvaluation(Dictionary<string, TensorProto> batch) =>
        new TrainingGraphBuilder().BuildEvaluation(Model, Ort.Probe(Model, InputsOf(batch)), _loss, Trainable);

    /// <summary>The batch and the parameters' initial values.</summary>
    public Dictionary<string, TensorProto> Feed(Dictionary<string, TensorProto> batch)
    {
        var feed = new Dictionary<string, TensorProto>(batch, StringComparer.Ordinal);
        foreach (var tensor in Model.Graph.Initializer)
        {
            feed[tensor.Name] = tensor;
        }

        return feed;
    }

    /// <summary>One micro-batch cut out of arrays whose first axis counts micro-batches.</summary>
    public Dictionary<string, TensorProto> Batch(int index, params (string Name, string Path)[] files)
    {
        var batch = new Dictionary<string, TensorProto>(StringComparer.Ordinal);
        foreach (var (name, path) in files)
        {
            var array = NpyArray.Load(path);
            var shape = array.Shape.Skip(1).Select(length => (long)length).ToArray();
            var count = (int)Tensors.Count(shape);
            var values = array.Values.AsSpan(index * count, count).ToArray();
            var input = Model.Graph.Input.FirstOrDefault(input => input.Name == name);
            var labels = _loss.Type == LossType.CrossEntropy ? TensorElementType.Int64 : TensorElementType.Float;
            batch[name] = Tensors.Of(input is null ? labels : (TensorElementType)input.Type.TensorType.ElemType, shape, values);
        }

        return batch;
    }

    private static Dictionary<string, TensorProto> InputsOf(Dictionary<string, TensorProto> batch) =>
        batch.Where(pair => pair.Key != "labels").ToDictionary(StringComparer.Ordinal);
}
