using OrtZero.Onnx.Internal;

namespace OrtZero.Onnx;

/// <summary>
/// Cleans up what exporters do to a model, so that training sees each parameter once, on its own and under its own name.
/// PyTorch's exporter merges parameters of equal value behind Identity nodes, which would tie them in training, and constant
/// folding renames weights to <c>onnx::MatMul_325</c>.
/// </summary>
public static class ModelImporter
{
    /// <summary>Recovers names and unties parameters, in place.</summary>
    /// <exception cref="OnnxFormatException">The graph is not valid.</exception>
    public static ImportReport Import(OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        try
        {
            return new ImportSession(model).Run();
        }
        catch (OnnxFormatException exception) when (model.Path is { } path)
        {
            throw new OnnxFormatException($"{path}: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// Undoes the renaming in a trained model, in place, so that it has the initializer names of the file that came in. Parameters
    /// that shared one initializer now hold different values and keep their recovered names.
    /// </summary>
    public static void RestoreNames(OnnxModel trained, ImportReport report)
    {
        ArgumentNullException.ThrowIfNull(trained);
        ArgumentNullException.ThrowIfNull(report);
        var graph = trained.Graph;
        FoldedTieFinder.Restore(graph, report.FoldedTies);
        var renamed = report.Parameters.Select(parameter => (parameter.Name, parameter.OriginalName))
            .Concat(report.FoldedTies.Select(tie => (tie.Name, tie.OriginalName)))
            .ToList();
        var origins = renamed.CountBy(pair => pair.OriginalName, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        foreach (var (name, originalName) in renamed)
        {
            if (name != originalName
                && origins[originalName] == 1
                && graph.FindInitializer(name) is not null
                && !SubgraphScope.Defines(graph, originalName))
            {
                graph.RenameValue(name, originalName);
            }
        }
    }
}
