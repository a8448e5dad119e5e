using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

/// <summary>A temporary folder with a valid cfg.json and the files it names, to be spoilt one way at a time.</summary>
internal sealed class ConfigurationFolder : IDisposable
{
    public const string Valid = """
        {
          "model": { "path": "model.onnx", "frozen": ["encoder.patch"],
                     "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels", "ignore_index": -100 } },
          "data": { "train": { "type": "npy", "fields": { "image": "image.npy", "labels": "arrays.npz:labels" }, "shuffle": true },
                    "val": { "type": "npy", "fields": { "image": "image.npy", "labels": "arrays.npz:labels" } } },
          "train_cfg": { "max_epochs": 3, "val_interval": 1 },
          "micro_batch_size": 8,
          "optim_wrapper": {
            "type": "AmpOptimWrapper", "dtype": "float32", "loss_scale": "dynamic",
            "optimizer": { "type": "AdamW", "lr": 1e-4, "betas": [0.9, 0.95], "weight_decay": 0.05 },
            "clip_grad": { "max_norm": 1.0 }, "accumulative_counts": 4,
            "paramwise_cfg": { "norm_decay_mult": 0.0, "bias_decay_mult": 0.0,
                               "custom_keys": { "encoder.": { "lr_mult": 0.1 }, "projector.": { "lr_mult": 0.5 } } }
          },
          "param_scheduler": [
            { "type": "LinearLR", "start_factor": 1e-5, "by_epoch": true, "begin": 0, "end": 0.09, "convert_to_iter_based": true },
            { "type": "CosineAnnealingLR", "eta_min": 0.0, "by_epoch": true, "begin": 0.09, "end": 3, "convert_to_iter_based": true } ],
          "zero_optimization": { "stage": 1, "overlap_comm": true, "reduce_bucket_size": 5e6, "offload_optimizer": { "device": "none" } },
          "randomness": { "seed": 0, "deterministic": true },
          "execution": { "provider": "cpu", "intra_op_threads": 1 },
          "checkpoint": { "interval": 200, "max_keep": 3, "resume": "auto" },
          "coordinator": { "address": "embedded" },
          "log": { "interval": 10, "tensorboard": true, "jsonl": true },
          "work_dir": "work/run"
        }
        """;

    public ConfigurationFolder()
    {
        foreach (var file in new[] { "model.onnx", "image.npy", "arrays.npz" })
        {
            File.WriteAllBytes(Path.Combine(Folder, file), []);
        }
    }

    public string Folder { get; } = RepositoryPaths.NewTemporaryFolder();

    public string FilePath => Path.Combine(Folder, "cfg.json");

    public TrainingConfiguration Load(string json, params string[] overrides)
    {
        File.WriteAllText(FilePath, json);
        return TrainingConfiguration.Load(FilePath, overrides);
    }

    /// <summary>Loads the valid configuration with one value replaced.</summary>
    public TrainingConfiguration LoadWith(string path, JsonNode? value)
    {
        var root = JsonNode.Parse(Valid)!;
        Set(root, path.Split('/'), value);
        return Load(root.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    /// <summary>The mistakes of a configuration.</summary>
    public IReadOnlyList<string> Problems(string json, params string[] overrides) =>
        Assert.Throws<ConfigurationException>(() => Load(json, overrides)).Problems;

    /// <summary>The mistakes of the valid configuration with one value replaced.</summary>
    public IReadOnlyList<string> ProblemsWith(string path, JsonNode? value) =>
        Assert.Throws<ConfigurationException>(() => LoadWith(path, value)).Problems;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void Set(JsonNode node, ReadOnlySpan<string> steps, JsonNode? value)
    {
        if (steps.Length > 1)
        {
            if (node is JsonArray list)
            {
                Set(list[int.Parse(steps[0], null)]!, steps[1..], value);
                return;
            }

            // One object may stand for a list of one.
            if (steps[0] == "0")
            {
                Set(node, steps[1..], value);
                return;
            }

            node[steps[0]] ??= char.IsAsciiDigit(steps[1][0]) ? new JsonArray(new JsonObject()) : new JsonObject();
            Set(node[steps[0]]!, steps[1..], value);
        }
        else if (node is JsonArray list)
        {
            list[int.Parse(steps[0], null)] = value;
        }
        else
        {
            node[steps[0]] = value;
        }
    }
}
