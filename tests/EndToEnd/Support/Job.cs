using System.Text.Json;
using System.Text.Json.Nodes;
using OrtZero.Onnx;

namespace OrtZero.EndToEnd.Support;

/// <summary>A folder with a model, its data and a cfg.json, and what a run leaves there.</summary>
internal sealed class Job : IDisposable
{
    private Job(string folder) => Folder = folder;

    public string Folder { get; }

    public string Configuration => Path.Combine(Folder, "cfg.json");

    public string WorkDir => Path.Combine(Folder, "work");

    public string TrainedModel => Path.Combine(WorkDir, "model.onnx");

    public JsonObject Settings { get; private init; } = [];

    /// <summary>The lines of metrics.jsonl.</summary>
    public IReadOnlyList<JsonElement> Metrics => ReadLines(Path.Combine(WorkDir, "metrics.jsonl"));

    /// <summary>The lines of validation.jsonl.</summary>
    public IReadOnlyList<JsonElement> Validations => ReadLines(Path.Combine(WorkDir, "validation.jsonl"));

    public JsonElement Summary => JsonDocument.Parse(File.ReadAllText(Path.Combine(WorkDir, "summary.json"))).RootElement;

    /// <summary>
    /// fixtures/vlm as one data set of 160 samples in the golden's order. All that differs from the golden's recipe is added by
    /// the test.
    /// </summary>
    public static Job Vlm(string? model = null)
    {
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse("""
                {
                  "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels" } },
                  "data": { "train": { "fields": { "image": "image.npy", "input_ids": "input_ids.npy", "labels": "labels.npy" } } },
                  "train_cfg": { "max_epochs": 1 },
                  "micro_batch_size": 8,
                  "optim_wrapper": {
                    "optimizer": { "type": "AdamW", "lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.05 },
                    "clip_grad": { "max_norm": 1.0 },
                    "paramwise_cfg": {
                      "flat_decay_mult": 0.0,
                      "custom_overrides_kinds": false,
                      "custom_keys": { "visual_encoder.": { "lr_mult": 0.1 } }
                    }
                  },
                  "execution": { "intra_op_threads": 1 },
                  "log": { "interval": 1 },
                  "work_dir": "work"
                }
                """),
        };
        job.CopyModel("vlm", model ?? "vlm.onnx");
        job.CopySamples(Path.Combine("vlm", "golden"), "image", "input_ids", "labels");
        job.Save();
        return job;
    }

    /// <summary>fixtures/gpt_nano as one data set of 160 samples, with the golden's recipe.</summary>
    public static Job GptNano()
    {
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse("""
                {
                  "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels" } },
                  "data": { "train": { "fields": { "input_ids": "inputs.npy", "labels": "labels.npy" } } },
                  "train_cfg": { "max_epochs": 1 },
                  "micro_batch_size": 16,
                  "optim_wrapper": {
                    "optimizer": { "type": "AdamW", "lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1 },
                    "clip_grad": { "max_norm": 1.0 },
                    "paramwise_cfg": { "flat_decay_mult": 0.0 }
                  },
                  "execution": { "intra_op_threads": 1 },
                  "log": { "interval": 1 },
                  "work_dir": "work"
                }
                """),
        };
        job.CopyModel("gpt_nano", "gpt_nano.onnx");
        job.CopySamples(Path.Combine("gpt_nano", "golden"), "inputs", "labels");
        job.Save();
        return job;
    }

    /// <summary>fixtures/zoo/bert as one data set of 20 samples, with the golden's recipe.</summary>
    public static Job Bert()
    {
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse("""
                {
                  "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "output", "labels": "labels" } },
                  "data": { "train": { "fields": {
                    "input_ids": "input_ids.npy", "attention_mask": "attention_mask.npy", "token_type_ids": "token_type_ids.npy",
                    "labels": "labels.npy" } } },
                  "train_cfg": { "max_epochs": 1 },
                  "micro_batch_size": 4,
                  "optim_wrapper": {
                    "optimizer": { "type": "AdamW", "lr": 2e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1 },
                    "paramwise_cfg": { "flat_decay_mult": 0.0 }
                  },
                  "execution": { "intra_op_threads": 1 },
                  "log": { "interval": 1 },
                  "work_dir": "work"
                }
                """),
        };
        job.CopyModel(Path.Combine("zoo", "bert"), "model.onnx");
        job.CopySamples(Path.Combine("zoo", "bert"), "input_ids", "attention_mask", "token_type_ids", "labels");
        job.Save();
        return job;
    }

    /// <summary>Sixteen rows of six numbers for three classes; the model, with input x and output scores, is written by the test.</summary>
    public static Job Small()
    {
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse("""
                {
                  "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "scores", "labels": "labels" } },
                  "data": { "train": { "fields": { "x": "x.npy", "labels": "labels.npy" } } },
                  "train_cfg": { "max_epochs": 1 },
                  "micro_batch_size": 4,
                  "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-3 } },
                  "execution": { "intra_op_threads": 1 },
                  "work_dir": "work"
                }
                """),
        };
        NpyWriter.Write(job.PathOf("x.npy"), [.. Enumerable.Range(0, 96).Select(i => (float)Math.Sin(7 * i))], 16, 6);
        NpyWriter.Write(job.PathOf("labels.npy"), [.. Enumerable.Range(0, 16).Select(i => i % 3L)], 16);
        job.Save();
        return job;
    }

    /// <summary>A classifier of fixtures/classifiers with two pictures of noise.</summary>
    public static Job Classifier(string file, string input, string output)
    {
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse($$"""
                {
                  "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "{{output}}", "labels": "labels", "axis": 1 } },
                  "data": { "train": { "fields": { "{{input}}": "image.npy", "labels": "labels.npy" } } },
                  "train_cfg": { "max_epochs": 1 },
                  "micro_batch_size": 1,
                  "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-3 } },
                  "work_dir": "work"
                }
                """),
        };
        job.CopyModel("classifiers", file);
        var noise = new Random(4);
        NpyWriter.Write(job.PathOf("image.npy"), [.. Enumerable.Range(0, 2 * 3 * 224 * 224).Select(_ => noise.NextSingle() - 0.5f)], 2, 3, 224, 224);
        NpyWriter.Write(job.PathOf("labels.npy"), [17L, 423], 2, 1, 1);
        job.Save();
        return job;
    }

    /// <summary>The official artifacts of fixtures/ort-artifacts with rows of numbers, four in turn, by the official optimizer.</summary>
    public static Job OfficialArtifacts(int rows)
    {
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse("""
                {
                  "model": {},
                  "data": { "train": { "fields": { "input-0": "x.npy", "labels": "labels.npy" } } },
                  "train_cfg": { "max_epochs": 1 },
                  "micro_batch_size": 1,
                  "randomness": { "deterministic": true },
                  "execution": { "intra_op_threads": 1 },
                  "log": { "interval": 1 },
                  "work_dir": "work"
                }
                """),
        };
        job.Settings["model"]!["artifacts"] = RepositoryPaths.Fixture("ort-artifacts");
        NpyWriter.Write(job.PathOf("x.npy"), [.. Enumerable.Range(0, 784 * rows).Select(i => (float)Math.Sin(7.3 * (i % 3136)))], rows, 784);
        NpyWriter.Write(job.PathOf("labels.npy"), [.. Enumerable.Range(0, rows).Select(i => 2L * (i % 4))], rows);
        job.Save();
        return job;
    }

    /// <summary>A recipe for a model with the input "ids", which the test writes together with the data.</summary>
    public static Job Empty() => new(RepositoryPaths.NewTemporaryFolder())
    {
        Settings = Parse("""
            {
              "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels" } },
              "data": { "train": { "fields": {} } },
              "train_cfg": { "max_epochs": 1 },
              "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-2, "eps": 1e-4, "weight_decay": 0.1 } },
              "execution": { "intra_op_threads": 1 },
              "log": { "interval": 2 },
              "work_dir": "work"
            }
            """),
    };

    /// <summary>A model of fixtures/zoo with the golden's recipe.</summary>
    public static Job Zoo(string name)
    {
        var fixture = Path.Combine("zoo", name);
        var golden = ReadZoo(name);
        var inputs = golden.GetProperty("inputs").EnumerateArray().Select(input => input.GetString()!).Append("labels").ToArray();
        var isSquared = golden.GetProperty("loss").GetString()!.Contains("squared", StringComparison.Ordinal);
        var job = new Job(RepositoryPaths.NewTemporaryFolder())
        {
            Settings = Parse("""
                {
                  "model": { "path": "model.onnx" },
                  "data": { "train": { "fields": {} } },
                  "train_cfg": { "max_epochs": 1 },
                  "optim_wrapper": {
                    "optimizer": { "type": "AdamW", "lr": 2e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1 },
                    "paramwise_cfg": { "flat_decay_mult": 0.0 }
                  },
                  "execution": { "intra_op_threads": 1 },
                  "log": { "interval": 1 },
                  "work_dir": "work"
                }
                """),
        };
        job.CopyModel(fixture, "model.onnx");
        job.CopySamples(fixture, inputs);
        var model = OnnxModel.Load(job.PathOf("model.onnx"));
        foreach (var statistics in model.Graph.Initializer.Where(tensor => tensor.Name.Contains(".running_", StringComparison.Ordinal)).ToList())
        {
            // Tracing in training mode is an update of its own, so the exported statistics are one ahead of those the golden began with.
            var start = statistics.Name.EndsWith("_var", StringComparison.Ordinal) ? 1f : 0;
            model.Graph.SetInitializer(TensorFactory.FromSingles(statistics.Name, statistics.Shape(), [.. Enumerable.Repeat(start, (int)statistics.Shape()[0])]));
        }

        model.Save(job.PathOf("model.onnx"));
        foreach (var input in inputs)
        {
            job.Settings["data"]!["train"]!["fields"]![input] = $"{input}.npy";
        }

        return job
            .With("micro_batch_size", $"{NpyArray.Load(RepositoryPaths.Fixture(fixture, "labels.npy")).Shape[1]}")
            .With("model.loss", $$"""{ "type": "{{(isSquared ? "mse" : "cross_entropy")}}", "output": "{{model.Graph.Output[0].Name}}", "labels": "labels" }""");
    }

    /// <summary>Writes a folder for every model of fixtures/zoo, with all that training it needs.</summary>
    public static void CopyZoo(string folder)
    {
        foreach (var name in Directory.GetDirectories(RepositoryPaths.Fixture("zoo")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal))
        {
            using var job = Zoo(name);
            var target = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
            foreach (var file in Directory.GetFiles(job.Folder))
            {
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
            }
        }
    }

    /// <summary>The losses that PyTorch computed for it.</summary>
    public static double[] ZooLosses(string name) => [.. ReadZoo(name).GetProperty("losses_f64").EnumerateArray().Select(loss => loss.GetDouble())];

    /// <summary>Sets a value in cfg.json: a path such as "optim_wrapper.accumulative_counts" and its JSON.</summary>
    public Job With(string path, string json)
    {
        var keys = path.Split('.');
        var section = Settings;
        foreach (var key in keys[..^1])
        {
            section[key] ??= new JsonObject();
            section = section[key]!.AsObject();
        }

        section[keys[^1]] = JsonNode.Parse(json);
        Save();
        return this;
    }

    /// <summary>Removes a value from cfg.json.</summary>
    public Job Without(string section, string key)
    {
        Settings[section]!.AsObject().Remove(key);
        Save();
        return this;
    }

    /// <summary>Validates on the training samples.</summary>
    public Job WithValidation()
    {
        Settings["data"]!["val"] = Settings["data"]!["train"]!.DeepClone();
        Save();
        return this;
    }

    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>The loss of every line of metrics.jsonl.</summary>
    public double[] Losses() => [.. Metrics.Select(line => line.GetProperty("loss").GetDouble())];

    /// <summary>The trained model's parameters by their names in the file.</summary>
    public IReadOnlyDictionary<string, float[]> TrainedParameters() => ReadParameters(TrainedModel);

    public static IReadOnlyDictionary<string, float[]> ReadParameters(string model) => OnnxModel.Load(model).Graph.Initializer
        .Where(initializer => initializer.ElementType() == TensorElementType.Float)
        .ToDictionary(initializer => initializer.Name, initializer => initializer.ToSingles(), StringComparer.Ordinal);

    /// <summary>The objects of a file with one on each line.</summary>
    public static IReadOnlyList<JsonElement> ReadLines(string path) =>
        [.. File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement)];

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static JsonElement ReadZoo(string name) => JsonDocument.Parse(File.ReadAllText(RepositoryPaths.Fixture("zoo", name, "golden.json"))).RootElement;

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private void Save() => File.WriteAllText(Configuration, Settings.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));

    private void CopyModel(string fixture, string file) => File.Copy(RepositoryPaths.Fixture(fixture, file), PathOf("model.onnx"));

    // The goldens keep [batches, batch, ...]; a data set is [samples, ...].
    private void CopySamples(string fixture, params string[] arrays)
    {
        foreach (var name in arrays)
        {
            var array = NpyArray.Load(RepositoryPaths.Fixture(fixture, $"{name}.npy"));
            int[] shape = [array.Shape[0] * array.Shape[1], .. array.Shape[2..]];
            if (array.IsReal)
            {
                NpyWriter.Write(PathOf($"{name}.npy"), array.Singles, shape);
            }
            else
            {
                NpyWriter.Write(PathOf($"{name}.npy"), array.Integers, shape);
            }
        }
    }
}
