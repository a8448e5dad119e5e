using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>One import of one model: each step edits the graph and leaves the names consistent for the next.</summary>
internal sealed class ImportSession
{
    private readonly OnnxModel _model;

    public ImportSession(OnnxModel model)
    {
        _model = model;
        Names = new NameAllocator(model.Graph);
    }

    public GraphProto Graph => _model.Graph;

    /// <summary>Whether PyTorch's exporter wrote the model; its initializers are the module's parameters and buffers.</summary>
    public bool FromPyTorch => _model.Proto.ProducerName.Contains("torch", StringComparison.OrdinalIgnoreCase);

    public NameAllocator Names { get; private set; }

    /// <summary>The initializer of the file that a present initializer's values came from, where the name differs.</summary>
    public Dictionary<string, string> Origins { get; } = new(StringComparer.Ordinal);

    /// <summary>The initializers whose values lie transposed relative to the original module's.</summary>
    public HashSet<string> Transposed { get; } = new(StringComparer.Ordinal);

    /// <summary>Weights that became a transposed view of the table they are tied to.</summary>
    public List<FoldedTie> FoldedTies { get; } = [];

    public List<string> Messages { get; } = [];

    public ImportReport Run()
    {
        RequireOutputs();
        MakeInitializersConstant();
        if (OperatorSetUpgrade.Apply(_model) is { } upgraded)
        {
            Names = new NameAllocator(Graph);
            Messages.Add(upgraded);
        }

        BranchInitializers.Run(this);
        if (!FromPyTorch)
        {
            ConstantPromoter.Run(this);
        }

        IdentityUntier.Run(this);
        NameRecovery.Run(this);
        FoldedTieFinder.Run(this);
        var trainable = TrainableFinder.Find(this);
        var parameters = Graph.Initializer
            .Select(tensor => new ImportedParameter(
                tensor.Name, OriginOf(tensor.Name), Transposed.Contains(tensor.Name), trainable.Contains(tensor.Name)))
            .ToList();
        return new ImportReport(parameters, Messages) { FoldedTies = FoldedTies };
    }

    public string OriginOf(string name) => Origins.GetValueOrDefault(name, name);

    private void RequireOutputs()
    {
        var index = new GraphIndex(Graph);
        var missing = Graph.Output.FirstOrDefault(output => index.Producer(output.Name) is null && index.Initializer(output.Name) is null
            && Graph.Input.All(input => input.Name != output.Name));
        if (missing is not null)
        {
            throw new OnnxFormatException($"Output '{missing.Name}' is the result of no node; export the model again.");
        }
    }

    // Up to IR version 3 an initializer had to be listed as an input, which makes it a default that a caller may replace.
    private void MakeInitializersConstant()
    {
        var names = Graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var removed = Graph.Input.RemoveWhere(input => names.Contains(input.Name));
        if (removed > 0)
        {
            _model.Proto.IrVersion = Math.Max(_model.Proto.IrVersion, 4);
            Messages.Add($"The model lists {removed} of its initializers as inputs too; they are parameters and no inputs any more.");
        }
    }
}
