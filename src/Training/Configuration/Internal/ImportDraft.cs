using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Internal;

/// <summary>The cfg.json that an import is writing, and what there is to say about it.</summary>
internal sealed class ImportDraft
{
    private readonly List<string> _notes = [];

    public JsonObject Root { get; } = [];

    /// <summary>The adapters of the other trainer's model. Null: it has none.</summary>
    public JsonObject? Lora { get; set; }

    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The optimizer's section, made when first asked for.</summary>
    public JsonObject Optimizer => Section(Wrapper, "optimizer");

    public JsonObject Wrapper => Section(Root, "optim_wrapper");

    public void Note(string sentence) => _notes.Add(sentence);

    public void HasNoCounterpart(string key) => Note($"{key} has no counterpart and was left out.");

    public static JsonObject Section(JsonObject owner, string key)
    {
        if (owner[key] is not JsonObject section)
        {
            owner[key] = section = [];
        }

        return section;
    }

    /// <summary>A copy of a value; null, with a note, for "auto", which another program would have filled in.</summary>
    public JsonNode? Given(JsonObject owner, string key, string path, string otherwise)
    {
        if (owner[key] is not { } value)
        {
            return null;
        }

        if (value.GetValueKind() == JsonValueKind.String && value.GetValue<string>() == "auto")
        {
            Note($"{path} is \"auto\", which nothing fills in here: {otherwise}.");
            return null;
        }

        return value.DeepClone();
    }

    /// <summary>A number of the source; null when it is not one.</summary>
    public static double? Number(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number ? value.GetValue<double>() : null;

    /// <summary>What every cfg.json needs and the source did not say, or said so that it had to be left out.</summary>
    public void FillIn()
    {
        if (Wrapper["optimizer"] is null)
        {
            Note("No optimizer is given: AdamW was filled in; set optim_wrapper.optimizer.");
        }

        Optimizer["type"] ??= "AdamW";
        if (Optimizer["lr"] is null)
        {
            Optimizer["lr"] = 1e-4;
            Note("No learning rate is given: 1e-4 was filled in; set optim_wrapper.optimizer.lr.");
        }

        if (Root["micro_batch_size"] is null)
        {
            Root["micro_batch_size"] = 1;
            Note("No size of the micro-batch is given: 1 was filled in; set micro_batch_size.");
        }

        if (Root["train_cfg"] is not JsonObject { } train || (train["max_epochs"] ?? train["max_iters"]) is null)
        {
            Section(Root, "train_cfg")["max_epochs"] = 1;
            Note("No length of training is given: one epoch was filled in; set train_cfg.max_epochs or max_iters.");
        }
    }

    /// <summary>The sections that only the user can write.</summary>
    public void AddPlaceholders()
    {
        Note("model and data are of your own making: replace every PLACEHOLDER by a file, and name the model's own inputs, output and labels.");
        Root["model"] = JsonNode.Parse("""
            { "path": "PLACEHOLDER-model.onnx", "loss": { "type": "cross_entropy", "output": "PLACEHOLDER-logits", "labels": "labels" } }
            """);
        if (Lora is not null)
        {
            Root["model"]!["lora"] = Lora;
        }

        Root["data"] = JsonNode.Parse("""
            { "train": { "fields": { "input_ids": "PLACEHOLDER-train.npz:input_ids", "labels": "PLACEHOLDER-train.npz:labels" }, "shuffle": true } }
            """);
    }

    /// <summary>Puts the sections into the order in which they are read best.</summary>
    public void Sort()
    {
        var ordered = new[] { "model", "data", "train_cfg", "micro_batch_size", "optim_wrapper", "param_scheduler", "zero_optimization" };
        foreach (var key in ordered.Concat(Root.Select(entry => entry.Key).Except(ordered)).ToList())
        {
            if (Root[key] is { } value)
            {
                Root.Remove(key);
                Root[key] = value;
            }
        }
    }

    /// <summary>Takes the value at a key path out, because of a mistake the checks found.</summary>
    /// <returns>Whether something changed.</returns>
    public bool LeaveOut(string path, string reason)
    {
        var steps = ConfigurationOverride.Parse($"{path}=").Path;
        JsonNode? owner = Root;
        for (var step = 0; step < steps.Count - 1 && owner is not null; step++)
        {
            owner = Child(owner, steps[step]);
        }

        // Without these a run would be something else altogether, so the nearest that works takes their place.
        if (owner is JsonObject settings)
        {
            if (path == "zero_optimization.stage" && Number(settings["stage"]) is > 1 and var stage)
            {
                settings["stage"] = stage - 1;
                Note($"{reason} It was set to {stage - 1}.");
                return true;
            }

            if (path == "optim_wrapper.optimizer.type" && settings["type"]?.ToString() != "AdamW")
            {
                settings["type"] = "AdamW";
                Note($"{reason} It was set to AdamW.");
                return true;
            }
        }

        var removed = owner switch
        {
            JsonObject section => section.Remove(steps[^1]),
            JsonArray list when int.TryParse(steps[^1], out var index) && index < list.Count => Remove(list, index),
            _ => false,
        };
        if (removed)
        {
            Note($"{reason} It was left out.");
            return true;
        }

        // What lacks something it needs goes as a whole; FillIn knows what every file needs.
        return steps.Count > 2 && LeaveOut(steps.Take(steps.Count - 1).Aggregate("", ConfigurationNode.Join), reason);
    }

    private static JsonNode? Child(JsonNode owner, string step) => owner switch
    {
        JsonObject section => section[step],
        JsonArray list when int.TryParse(step, out var index) && index < list.Count => list[index],
        _ => null,
    };

    private static bool Remove(JsonArray list, int index)
    {
        list.RemoveAt(index);
        return true;
    }
}
