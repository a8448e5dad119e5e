using System.Text.Json;

namespace OrtZero.EndToEnd.Support;

/// <summary>The way from a folded export's parameters to PyTorch's, as <c>rankworker groups</c> tells it.</summary>
internal static class FoldedExport
{
    /// <summary>A parameter of the model.</summary>
    internal sealed record Parameter(string Name, string OriginalName, int[] Shape, bool Transposed);

    public static IReadOnlyList<Parameter> Parameters(Job job)
    {
        var groups = JsonDocument.Parse(ProgramRun.Train(1, "groups", job.Configuration, "--json").Output).RootElement;
        return
        [
            .. groups.GetProperty("parameters").EnumerateArray().Select(parameter => new Parameter(
                parameter.GetProperty("name").GetString()!,
                parameter.GetProperty("original_name").GetString()!,
                [.. parameter.GetProperty("shape").EnumerateArray().Select(length => length.GetInt32())],
                parameter.GetProperty("transposed").GetBoolean())),
        ];
    }

    /// <summary>Values of every parameter as PyTorch lays them out, by PyTorch's names.</summary>
    public static Dictionary<string, float[]> ToPyTorch(IReadOnlyList<Parameter> parameters, Func<Parameter, float[]> values) =>
        parameters.ToDictionary(
            parameter => parameter.Name,
            parameter => parameter.Transposed
                ? Errors.Transpose(values(parameter), rows: parameter.Shape[1], columns: parameter.Shape[0])
                : values(parameter),
            StringComparer.Ordinal);
}
