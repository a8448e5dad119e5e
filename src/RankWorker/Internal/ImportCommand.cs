using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker import-config FILE [--out cfg.json]</c>: a cfg.json from the configuration of another trainer.</summary>
internal static class ImportCommand
{
    internal static int Run(string file, string? output, bool verbose) =>
        Failures.Guard(new RunArguments { ConfigurationPath = file, Overrides = [], Verbose = verbose }, () =>
        {
            var imported = ImportedConfiguration.FromFile(file);
            if (output is null)
            {
                Console.Out.Write(imported.Json);
            }
            else if (File.Exists(output))
            {
                throw new ConfigurationException([$"{output} is there already and was not overwritten; give --out another name."]);
            }
            else
            {
                File.WriteAllText(output, imported.Json);
                Console.Out.WriteLine($"Wrote {output}.");
            }

            foreach (var note in imported.Notes)
            {
                Console.Error.WriteLine($"note: {note}");
            }

            return ExitCodes.Done;
        });
}
