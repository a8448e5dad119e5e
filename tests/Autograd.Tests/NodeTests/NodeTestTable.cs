using System.Globalization;
using System.Text;

namespace OrtZero.Autograd.Tests;

/// <summary>Writes docs/onnx-node-tests.md from the results.</summary>
internal static class NodeTestTable
{
    public static string Markdown(IReadOnlyList<NodeTestResult> results)
    {
        var text = new StringBuilder();
        var compared = results.Count(result => result.Exclusion is null);
        text.Append(CultureInfo.InvariantCulture, $"""
            # ONNX's own tests as a gradient suite

            ONNX checks its backends with a model and data for every operator, and for every operator that is a function with its body too. Debian
            packages them as libonnx-testdata (`apt-get install libonnx-testdata`, which `scripts/test` does; `ORTZERO_ONNX_TESTDATA` names another
            folder). Every real input of every model becomes a parameter, the loss is a sum of all real outputs with random weights, and the
            gradient of the training graph is compared with finite differences of the model itself, in float64 wherever ONNX Runtime has kernels for
            it, along a random direction and in up to 24 single elements. At a kink, such as ReLU at 0, the gradient has to lie between the slopes to
            both sides. Models of operator sets before 13 are rewritten as the importer does it.

            **{compared - results.Count(result => result.Disagrees)} of {compared}** tests agree; {results.Count - compared} of the {results.Count} were excluded, each for the reason in the table. Made from the results by
            `ORTZERO_UPDATE=1 dotnet test tests/Autograd.Tests --filter NodeTestTests`; a test compares.

            | operator | agree | excluded |
            |---|---|---|

            """);
        foreach (var group in results.GroupBy(result => result.Operator, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var all = group.Count(result => result.Exclusion is null);
            var agree = all == 0 ? "" : $"{group.Count(result => result.Agrees)} of {all}";
            var excluded = group.Where(result => result.Exclusion is not null).CountBy(result => result.Exclusion!, StringComparer.Ordinal)
                .OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Value}: {pair.Key}");
            text.Append(CultureInfo.InvariantCulture, $"| {group.Key} | {agree} | {string.Join("; ", excluded)} |\n");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }
}
