namespace OrtZero.Training.Internal;

/// <summary>The sentence for a key that a section does not have.</summary>
internal static class UnknownKey
{
    /// <summary>DeepSpeed's and Hugging Face's names for what has another name, or another place, here.</summary>
    private static readonly Dictionary<string, string> s_elsewhere = new(StringComparer.Ordinal)
    {
        ["train_micro_batch_size_per_gpu"] = "micro_batch_size",
        ["per_device_train_batch_size"] = "micro_batch_size",
        ["batch_size"] = "micro_batch_size",
        ["gradient_accumulation_steps"] = "optim_wrapper.accumulative_counts",
        ["gradient_clipping"] = "optim_wrapper.clip_grad.max_norm",
        ["max_grad_norm"] = "optim_wrapper.clip_grad.max_norm",
        ["learning_rate"] = "optim_wrapper.optimizer.lr",
        ["fp16"] = "optim_wrapper.dtype",
        ["bf16"] = "optim_wrapper.dtype",
        ["scheduler"] = "param_scheduler",
        ["warmup_max_lr"] = "optim_wrapper.optimizer.lr",
        ["warmup_min_lr"] = "warmup_min_ratio, a fraction of every group's own rate",
        ["min_lr"] = "eta_min",
        ["layer_decay_rate"] = "optim_wrapper.paramwise_cfg.layer_decay.rate",
        ["train_dataloader"] = "data.train",
        ["val_dataloader"] = "data.val",
        ["rank"] = "model.lora.r",
        ["alpha"] = "model.lora.lora_alpha",
        ["targets"] = "model.lora.target_modules",
        ["resume_from"] = "checkpoint.resume",
    };

    public static string Describe(string key, string path, Type section)
    {
        var keys = SettingDescription.Of(section).Select(setting => setting.Key).ToList();
        if (NearestName.Find(key, keys) is { } near)
        {
            return $"is not a known key; did you mean \"{near}\"?";
        }

        var owner = s_elsewhere.GetValueOrDefault(key) ?? Owner(typeof(TrainingConfiguration), "", key);
        return owner is not null && owner != ConfigurationNode.Join(path, key)
            ? $"is not a known key; did you mean {owner}?"
            : $"is not a known key; {(path.Length == 0 ? "the file" : path)} has {List(section)}.";
    }

    public static string List(Type section) =>
        string.Join(", ", SettingDescription.Of(section).Where(setting => setting.Key[0] != '$').Select(setting => $"\"{setting.Key}\""));

    /// <summary>The path of the first section that has a key of this name.</summary>
    private static string? Owner(Type section, string path, string key)
    {
        foreach (var setting in SettingDescription.Of(section))
        {
            var settingPath = ConfigurationNode.Join(path, setting.Key);
            if (setting.Key == key)
            {
                return settingPath;
            }

            if (SettingDescription.IsSection(setting.Type) && Owner(setting.Type, settingPath, key) is { } found)
            {
                return found;
            }
        }

        return null;
    }
}
