using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Internal;

/// <summary>
/// Reads configurations of other trainers. What the sections of cfg.json do not take, by their own rules, is left out with the
/// reason, so that what is written always loads.
/// </summary>
internal static class ConfigurationImporter
{
    private static readonly string[] s_deepSpeed =
    [
        "zero_optimization", "train_micro_batch_size_per_gpu", "train_batch_size", "gradient_accumulation_steps", "gradient_clipping",
        "fp16", "bf16", "scheduler", "zero_allow_untested_optimizer", "steps_per_print",
    ];

    private static readonly string[] s_engine = ["optim_wrapper", "param_scheduler", "train_cfg"];

    private static readonly JsonDocumentOptions s_reading = new()
    {
        AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false,
    };

    private static readonly JsonSerializerOptions s_writing = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ImportedConfiguration Import(string path)
    {
        var source = Read(path);
        var draft = new ImportDraft();
        if (Array.Exists(s_engine, source.ContainsKey))
        {
            EngineImport.Read(source, draft);
        }
        else if (Array.Exists(s_deepSpeed, source.ContainsKey))
        {
            DeepSpeedImport.Read(source, draft);
        }
        else
        {
            throw new ConfigurationException(
                [$"{path} is neither a DeepSpeed configuration (\"zero_optimization\", \"train_micro_batch_size_per_gpu\", …) nor an MMEngine one (\"optim_wrapper\", \"param_scheduler\"): write its sections as JSON."]);
        }

        LeaveOutMistakes(draft);
        draft.Sort();
        return new ImportedConfiguration(draft.Root.ToJsonString(s_writing) + "\n", draft.Notes);
    }

    private static JsonObject Read(string path)
    {
        if (MissingFile.Describe(Path.GetFullPath(path)) is { } missing)
        {
            throw new ConfigurationException([$"{path} cannot be read: it {missing}"]);
        }

        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path), documentOptions: s_reading) as JsonObject
                ?? throw new ConfigurationException([$"{path} is not a JSON object."]);
        }
        catch (JsonException exception)
        {
            throw new ConfigurationException([$"{path} is not JSON: {exception.Message}"]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException([$"{path} cannot be read: {exception.Message}"]);
        }
    }

    // Every round takes out what the checks name, until they name nothing; files need not be there yet.
    private static void LeaveOutMistakes(ImportDraft draft)
    {
        draft.AddPlaceholders();
        while (true)
        {
            draft.FillIn();
            var problems = new ConfigurationProblems();
            var root = ConfigurationParser.ParseFile(Encoding.UTF8.GetBytes(draft.Root.ToJsonString()), "", problems)!;
            var bound = (TrainingConfiguration)new ConfigurationBinder(Path.GetTempPath(), problems).Section(typeof(TrainingConfiguration), root, "")!;
            new ConfigurationRules(root, problems).Check(bound with { WorkDir = Path.GetTempPath() });

            // One at a time: what is left out of a list moves what comes after it.
            var next = problems.All.Where(problem => problem.Path.Length > 0 && IsOurs(problem.Path));
            if (!next.Any(problem => draft.LeaveOut(problem.Path, problem.Sentence[(problem.Sentence.IndexOf(": ", StringComparison.Ordinal) + 2)..])))
            {
                return;
            }
        }
    }

    // Model and data hold placeholders but for the adapters.
    private static bool IsOurs(string path) => path.Split('.') is not ["model" or "data", ..] or ["model", "lora", _, ..];
}
