using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>The operator sets that a model imports.</summary>
internal static class OperatorSets
{
    /// <summary>The oldest default operator set in which gradients are written: axes of reductions, Squeeze and Unsqueeze became inputs there.</summary>
    public const long Oldest = 13;

    /// <summary>Imports the domains of all nodes, and the default one in at least the given version.</summary>
    public static void Complete(ModelProto model, long version)
    {
        foreach (var import in model.OpsetImport.Where(import => import.Domain is "" or "ai.onnx"))
        {
            import.Version = Math.Max(import.Version, version);
        }

        foreach (var domain in Domains(model.Graph).Where(domain => domain is not ("" or "ai.onnx")).Distinct())
        {
            if (model.OpsetImport.All(import => import.Domain != domain))
            {
                model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
            }
        }
    }

    /// <summary>The domains of all nodes, those in subgraphs too.</summary>
    private static IEnumerable<string> Domains(GraphProto graph) => graph.Node.Select(node => node.Domain)
        .Concat(graph.Node.SelectMany(node => node.Attribute).Where(attribute => attribute.G is not null).SelectMany(attribute => Domains(attribute.G)));
}
