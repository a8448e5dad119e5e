using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>Tells the parameters among the initializers from statistics, tables, masks and constants of the program.</summary>
internal static class TrainableFinder
{
    // Buffers that models register under these names are computed, not learned.
    private static readonly HashSet<string> s_bufferNames = new(StringComparer.Ordinal)
    {
        "running_mean", "running_var", "num_batches_tracked", "inv_freq", "cos_cached", "sin_cached", "pixel_mean", "pixel_std",
    };

    public static HashSet<string> Find(ImportSession session)
    {
        var graph = session.Graph;
        var index = new GraphIndex(graph);
        var reached = GradientReach.Find(graph, index);
        var candidates = new List<TensorProto>();
        foreach (var tensor in graph.Initializer)
        {
            if (tensor.ElementType() is not (TensorElementType.Float or TensorElementType.Double or TensorElementType.Float16 or TensorElementType.BFloat16)
                || tensor.ElementCount() == 0)
            {
                continue;
            }

            if (ConstantReason(session, index, tensor, reached) is { } reason)
            {
                if (reason.Length > 0)
                {
                    session.Messages.Add($"Initializer '{tensor.Name}' of {tensor.Describe()} is not trained: {reason}.");
                }
            }
            else
            {
                candidates.Add(tensor);
            }
        }

        RemoveRotaryTables(session, candidates);
        return candidates.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Why a tensor is not a parameter; "" when that needs no mention; null when it is one.</summary>
    private static string? ConstantReason(ImportSession session, GraphIndex index, TensorProto tensor, HashSet<string> reached)
    {
        var name = tensor.Name;
        if (s_bufferNames.Contains(name[(name.LastIndexOf('.') + 1)..]))
        {
            return "";
        }

        if (IsSpectralVector(session, name))
        {
            return "a spectral normalization computes it";
        }

        if (!reached.Contains(name))
        {
            return index.Consumers(name).Any(node => node.OpType == "BatchNormalization") || GeneratedNames.IsGenerated(name)
                ? ""
                : "no gradient can reach it";
        }

        if (GeneratedNames.IsGenerated(name) && !IsParameterOfOperator(index, tensor))
        {
            return tensor.ElementCount() == 1 ? "" : "the exporter computed it from other values";
        }

        if (!session.FromPyTorch && tensor.Dims.Count == 0)
        {
            return "a scalar is taken for a constant of the program";
        }

        return TensorContent.IsMask(tensor) ? "it is a mask"
            : TensorContent.IsSinusoidTable(tensor) ? "it is a fixed table of sines and cosines"
            : null;
    }

    /// <summary>
    /// PyTorch's spectral_norm keeps a weight as <c>weight_orig</c>, or as a parametrization <c>parametrizations.weight.original</c>, and the
    /// vectors of its power iteration as <c>weight_u</c> and <c>weight_v</c>, or <c>parametrizations.weight.0._u</c> and <c>_v</c>.
    /// </summary>
    private static bool IsSpectralVector(ImportSession session, string name)
    {
        if (!name.EndsWith("_u", StringComparison.Ordinal) && !name.EndsWith("_v", StringComparison.Ordinal))
        {
            return false;
        }

        var stem = name[..^2];
        var original = stem.Split('.') is [.. var module, _, ""] ? string.Join('.', [.. module, "original"]) : $"{stem}_orig";
        return session.Graph.FindInitializer(original) is not null;
    }

    private static bool IsParameterOfOperator(GraphIndex index, TensorProto tensor) =>
        index.Consumers(tensor.Name).Any(node => ParameterSlot.Of(node, node.Input.IndexOf(tensor.Name), tensor) is not null);

    private static void RemoveRotaryTables(ImportSession session, List<TensorProto> candidates)
    {
        var bounded = candidates
            .Where(tensor => tensor.Dims.Count >= 2 && TensorContent.IsWithinOne(tensor))
            .GroupBy(tensor => string.Join(',', tensor.Dims), StringComparer.Ordinal);
        foreach (var group in bounded)
        {
            TensorProto[] same = [.. group];
            for (var i = 0; i < same.Length; i++)
            {
                for (var j = i + 1; j < same.Length; j++)
                {
                    if (TensorContent.AreSineAndCosine(same[i], same[j]))
                    {
                        candidates.Remove(same[i]);
                        candidates.Remove(same[j]);
                        session.Messages.Add(
                            $"Initializers '{same[i].Name}' and '{same[j].Name}' are not trained: they are fixed tables of sines and cosines.");
                    }
                }
            }
        }
    }
}
