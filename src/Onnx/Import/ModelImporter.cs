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
        return new ImportSession(model).Run();
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
        var names = new NameAllocator(graph);
        var origins = report.Parameters.CountBy(parameter => parameter.OriginalName, StringComparer.Ordinal)
            .ToDictionary(StringComparer.Ordinal);
        foreach (var parameter in report.Parameters)
        {
            if (parameter.Name != parameter.OriginalName
                && origins[parameter.OriginalName] == 1
                && graph.FindInitializer(parameter.Name) is not null
                && !names.IsTaken(parameter.OriginalName))
            {
                graph.RenameValue(parameter.Name, names.Unique(parameter.OriginalName));
                names.Release(parameter.Name);
            }
        }
    }
}
