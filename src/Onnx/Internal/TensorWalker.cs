using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Every dense tensor of a model, wherever it sits: initializers, attributes, subgraphs, functions, sparse tensors.</summary>
internal static class TensorWalker
{
    public static IEnumerable<TensorProto> All(ModelProto model)
    {
        var graphs = new List<GraphProto>();
        if (model.Graph is not null)
        {
            graphs.Add(model.Graph);
        }

        foreach (var training in model.TrainingInfo)
        {
            if (training.Initialization is not null)
            {
                graphs.Add(training.Initialization);
            }

            if (training.Algorithm is not null)
            {
                graphs.Add(training.Algorithm);
            }
        }

        return graphs.SelectMany(All)
            .Concat(model.Functions.SelectMany(function => function.Node.SelectMany(All)))
            .Concat(model.Functions.SelectMany(function => function.AttributeProto.SelectMany(All)));
    }

    /// <summary>The bytes that tensor data takes in the message, to know in time that it outgrows what a message may hold.</summary>
    public static long DataBytes(ModelProto model)
    {
        var total = 0L;
        foreach (var tensor in All(model))
        {
            // Packed integers take at most ten bytes each; one message cannot hold enough of them to make the bound matter.
            total += tensor.RawData.Length + (4L * tensor.FloatData.Count) + (8L * tensor.DoubleData.Count)
                + (10L * (tensor.Int32Data.Count + tensor.Int64Data.Count + tensor.Uint64Data.Count));
            foreach (var text in tensor.StringData)
            {
                total += text.Length + 8;
            }
        }

        return total;
    }

    private static IEnumerable<TensorProto> All(GraphProto graph)
    {
        foreach (var tensor in graph.Initializer)
        {
            yield return tensor;
        }

        foreach (var tensor in graph.SparseInitializer.SelectMany(All))
        {
            yield return tensor;
        }

        foreach (var tensor in graph.Node.SelectMany(All))
        {
            yield return tensor;
        }
    }

    private static IEnumerable<TensorProto> All(NodeProto node) => node.Attribute.SelectMany(All);

    private static IEnumerable<TensorProto> All(AttributeProto attribute)
    {
        if (attribute.T is not null)
        {
            yield return attribute.T;
        }

        foreach (var tensor in attribute.Tensors)
        {
            yield return tensor;
        }

        IEnumerable<SparseTensorProto> sparse = attribute.SparseTensor is null
            ? attribute.SparseTensors
            : attribute.SparseTensors.Append(attribute.SparseTensor);
        foreach (var tensor in sparse.SelectMany(All))
        {
            yield return tensor;
        }

        foreach (var graph in Subgraphs(attribute))
        {
            foreach (var tensor in All(graph))
            {
                yield return tensor;
            }
        }
    }

    public static IEnumerable<GraphProto> Subgraphs(AttributeProto attribute) =>
        attribute.G is null ? attribute.Graphs : attribute.Graphs.Prepend(attribute.G);

    public static IEnumerable<GraphProto> Subgraphs(NodeProto node) => node.Attribute.SelectMany(Subgraphs);

    private static IEnumerable<TensorProto> All(SparseTensorProto sparse)
    {
        if (sparse.Values is not null)
        {
            yield return sparse.Values;
        }

        if (sparse.Indices is not null)
        {
            yield return sparse.Indices;
        }
    }
}
