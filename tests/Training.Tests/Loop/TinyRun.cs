using System.Text.Json.Nodes;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Training.Tests;

/// <summary>A model of a few nodes with the input x and the scalar output loss, which a test trains in this process.</summary>
internal sealed class TinyRun : ILogger, IDisposable
{
    private readonly GraphProto _graph = new() { Name = "tiny" };
    private readonly JsonNode _settings = JsonNode.Parse("""
        {
          "model": { "path": "model.onnx", "loss": { "type": "output", "output": "loss" } },
          "data": { "train": { "fields": { "x": "x.npy" } } },
          "train_cfg": { "max_epochs": 1 },
          "micro_batch_size": 2,
          "optim_wrapper": { "optimizer": { "type": "SGD", "lr": 0.1 } },
          "log": { "interval": 1 }
        }
        """)!;

    /// <param name="x">Sixteen rows of samples.</param>
    public TinyRun(params float[] x)
    {
        var columns = x.Length / 16;
        File.WriteAllBytes(Path.Combine(Folder, "x.npy"), NpyBytes.Of<float>("<f4", $"(16, {columns})", x));
        _graph.Input.Add(Describe("x", 2, columns));
        _graph.Output.Add(Describe("loss"));
    }

    public string Folder { get; } = RepositoryPaths.NewTemporaryFolder();

    /// <summary>Warnings and worse.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Everything that was logged.</summary>
    public List<string> Lines { get; } = [];

    public IReadOnlyList<JsonNode> Metrics => [.. File.ReadAllLines(Path.Combine(Folder, "work", "metrics.jsonl")).Select(line => JsonNode.Parse(line)!)];

    public TinyRun Parameter(string name, long[] shape, params float[] values)
    {
        _graph.Initializer.Add(TensorFactory.FromSingles(name, shape, values));
        return this;
    }

    public TinyRun Node(string type, string name, string output, params string[] inputs)
    {
        _graph.Node.Add(NodeFactory.Create(type, inputs, [output], name));
        return this;
    }

    /// <summary>The mean of a value as the loss.</summary>
    public TinyRun MeanOf(string value)
    {
        _graph.Node.Add(NodeFactory.Create("ReduceMean", [value], ["loss"], "mean").SetInt("keepdims", 0));
        return this;
    }

    public TinyRun With(string path, string json)
    {
        var steps = path.Split('.');
        var node = _settings;
        foreach (var step in steps[..^1])
        {
            node = node[step] ??= new JsonObject();
        }

        node[steps[^1]] = JsonNode.Parse(json);
        return this;
    }

    public RunSummary Train(bool debug = false)
    {
        var model = new ModelProto { IrVersion = 8, Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        File.WriteAllBytes(Path.Combine(Folder, "model.onnx"), model.ToByteArray());
        var path = Path.Combine(Folder, "cfg.json");
        File.WriteAllText(path, _settings.ToJsonString());
        using var communicator = new SingleProcessCommunicator();
        using var run = TrainingRun.Open(TrainingConfiguration.Load(path), communicator, this, diagnoses: debug);
        return run.Execute(CancellationToken.None);
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Lines.Add(formatter(state, exception));
        if (logLevel >= LogLevel.Warning)
        {
            Warnings.Add(Lines[^1]);
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static ValueInfoProto Describe(string name, params long[] shape)
    {
        var axes = new TensorShapeProto();
        axes.Dim.AddRange(shape.Select(length => new TensorShapeProto.Types.Dimension { DimValue = length }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float, Shape = axes } } };
    }
}
