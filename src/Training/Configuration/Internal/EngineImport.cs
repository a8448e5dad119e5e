using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Internal;

/// <summary>Reads the sections of MMEngine and XTuner, whose names cfg.json has taken over.</summary>
internal static class EngineImport
{
    public static void Read(JsonObject source, ImportDraft draft)
    {
        foreach (var (key, value) in source)
        {
            switch (key)
            {
                case "optim_wrapper" when value is JsonObject wrapper:
                    draft.Root[key] = wrapper.DeepClone();
                    ReadWrapper(draft);
                    break;
                case "param_scheduler" when value is JsonArray or JsonObject:
                    var schedulers = value is JsonArray list ? (JsonArray)list.DeepClone() : [value.DeepClone()];
                    foreach (var scheduler in schedulers.OfType<JsonObject>())
                    {
                        ShortenType(scheduler);
                    }

                    draft.Root[key] = schedulers;
                    break;
                case "train_cfg" when value is JsonObject train:
                    var copy = (JsonObject)train.DeepClone();
                    copy.Remove("type");
                    draft.Root[key] = copy;
                    break;
                case "model" when value is JsonObject model && model["lora"] is JsonObject:
                    ReadModel(model, draft);
                    break;
                case "train_dataloader" when value is JsonObject loader:
                    ReadLoader(loader, draft);
                    break;
                case "randomness" when value is JsonObject random:
                    var randomness = (JsonObject)random.DeepClone();
                    if (randomness["seed"] is null)
                    {
                        randomness.Remove("seed");
                    }

                    draft.Root[key] = randomness;
                    break;
                case "work_dir" when value?.GetValueKind() == JsonValueKind.String:
                    draft.Root[key] = value.DeepClone();
                    break;
                case "default_hooks" when value is JsonObject hooks:
                    ReadHooks(hooks, draft);
                    break;
                default:
                    draft.HasNoCounterpart(key);
                    break;
            }
        }
    }

    private static void ReadWrapper(ImportDraft draft)
    {
        var wrapper = draft.Wrapper;
        ShortenType(wrapper);
        if (wrapper["type"]?.ToString() is { } type && !Enum.TryParse<OptimWrapperKind>(type, out _))
        {
            draft.Note($"optim_wrapper.type {type} became OptimWrapper; ZeRO is switched on by zero_optimization.stage, whatever the wrapper is.");
            wrapper["type"] = "OptimWrapper";
        }

        if (wrapper["optimizer"] is JsonObject optimizer)
        {
            ShortenType(optimizer);
        }

        if (wrapper.Remove("constructor", out var constructor) && LastPart(constructor?.ToString()) is { } name && name != "DefaultOptimWrapperConstructor")
        {
            draft.Note($"optim_wrapper.constructor {name} was left out; paramwise_cfg.layer_decay does what layer-decay constructors do.");
        }

        if (wrapper["paramwise_cfg"] is JsonObject rules)
        {
            foreach (var key in (string[])["layer_decay_rate", "decay_rate"])
            {
                if (rules.Remove(key, out var rate) && rate is not null)
                {
                    rules["layer_decay"] = new JsonArray(new JsonObject { ["rate"] = rate.DeepClone() });
                    draft.Note($"paramwise_cfg.{key} became layer_decay, which finds the layers from the model's numbered modules.");
                }
            }

            rules.Remove("num_layers");
        }
    }

    // XTuner's adapters are PEFT's, whose names cfg.json has taken over.
    private static void ReadModel(JsonObject model, ImportDraft draft)
    {
        foreach (var (key, value) in model)
        {
            if (key == "lora" && value is JsonObject lora)
            {
                draft.Lora = (JsonObject)lora.DeepClone();
                ShortenType(draft.Lora);
                if (draft.Lora["target_modules"] is JsonValue only)
                {
                    draft.Lora["target_modules"] = new JsonArray(only.ToString() == "all-linear" ? "all-linear" : $"regex:^(?:{only})$");
                }
            }
            else
            {
                draft.HasNoCounterpart($"model.{key}");
            }
        }
    }

    private static void ReadLoader(JsonObject loader, ImportDraft draft)
    {
        foreach (var (key, value) in loader)
        {
            if (key == "batch_size" && value is not null)
            {
                draft.Root["micro_batch_size"] = value.DeepClone();
            }
            else
            {
                draft.HasNoCounterpart($"train_dataloader.{key}");
            }
        }
    }

    private static void ReadHooks(JsonObject hooks, ImportDraft draft)
    {
        foreach (var (name, hook) in hooks)
        {
            if (name == "logger" && hook?["interval"] is { } interval)
            {
                ImportDraft.Section(draft.Root, "log")["interval"] = interval.DeepClone();
            }
            else if (name == "checkpoint" && hook?["interval"] is { } every && hook["by_epoch"]?.ToString() == "false")
            {
                var checkpoint = ImportDraft.Section(draft.Root, "checkpoint");
                checkpoint["interval"] = every.DeepClone();
                if (ImportDraft.Number(hook["max_keep_ckpts"]) is > 0 and var keep)
                {
                    checkpoint["max_keep"] = keep;
                }
            }
            else if (name is not ("param_scheduler" or "timer" or "sampler_seed"))
            {
                draft.HasNoCounterpart($"default_hooks.{name}");
            }
        }
    }

    // Types may be written with the module they come from.
    private static void ShortenType(JsonObject section)
    {
        if (section["type"]?.GetValueKind() == JsonValueKind.String)
        {
            section["type"] = LastPart(section["type"]!.GetValue<string>());
        }
    }

    private static string? LastPart(string? name) => name?[(name.LastIndexOf('.') + 1)..];
}
