using System.Text.Json;

namespace OrtZero.Training.Internal;

/// <summary>
/// What single values cannot show: settings that contradict each other, names that must exist elsewhere, and what this version
/// does not do. A section that did not bind is null here in spite of its type, since all mistakes are listed together; a rule
/// about a place that already has a mistake stays silent.
/// </summary>
internal sealed class ConfigurationRules(ConfigurationNode root, ConfigurationProblems problems)
{
    public void Check(TrainingConfiguration configuration)
    {
        CheckTrain(configuration.TrainCfg);
        CheckArtifacts(configuration.Model);
        new LossRules(Report, problems.Any).Check(configuration.Model?.Loss, Find("model", "loss").Node.Kind == JsonValueKind.Array, configuration.Data, FieldNames());
        CheckFields(configuration.Data);
        CheckWrapper(configuration.OptimWrapper);
        CheckOptimizer(configuration.OptimWrapper?.Optimizer, configuration.OptimWrapper?.ParamwiseCfg);
        CheckParamwise(configuration.OptimWrapper?.ParamwiseCfg, configuration.OptimWrapper?.Optimizer);
        CheckSchedulers(configuration.ParamScheduler);
        PhaseRules.Check(configuration.Phases, Report);
        SelectionRules.Check(configuration, Report);
        CheckZero(configuration.ZeroOptimization, configuration.Randomness);
        CheckFolders(configuration);
        CheckFrozen(configuration.Model?.Frozen);
        LoraRules.Check(configuration.Model, Report);
        CheckRecompute(configuration.Graph?.Recompute);
        CheckSample(configuration.Evaluation.Sample, configuration.Data?.Val?.Fields);
        if (configuration.Coordinator is { Port: not 0, Address.IsEmbedded: false })
        {
            Report("is for an embedded coordinator; remove it or set coordinator.address to \"embedded\".", "coordinator", "port");
        }

        if (configuration.Evaluation.Metric is not (null or EvaluationMetric.None)
            && configuration.Model?.Loss is { Count: > 0 } losses && losses.All(loss => loss is { Type: not LossKind.CrossEntropy }))
        {
            Report("counts right classes, which needs a model.loss of type \"cross_entropy\"; set it to \"none\".", "evaluation", "metric");
        }
    }

    private void CheckTrain(TrainSection? train)
    {
        switch (train)
        {
            case { MaxEpochs: null, MaxIters: null }:
                Report("says no end of training; add \"max_epochs\": 3 or \"max_iters\": 1000.", "train_cfg");
                break;
            case { MaxEpochs: not null, MaxIters: not null }:
                Report("has both max_epochs and max_iters; remove one of them.", "train_cfg");
                break;
            case { ByEpoch: true, MaxEpochs: null }:
                Report("is true, but training ends by max_iters; give max_epochs instead or remove by_epoch.", "train_cfg", "by_epoch");
                break;
            case { ByEpoch: false, MaxIters: null }:
                Report("is false, but training ends by max_epochs; give max_iters instead or remove by_epoch.", "train_cfg", "by_epoch");
                break;
        }
    }

    private void CheckArtifacts(ModelSection? model)
    {
        if (model?.Artifacts is null)
        {
            return;
        }

        foreach (var key in (string[])["path", "loss"])
        {
            if (Find("model", key).Exact)
            {
                Report("is given beside model.artifacts, which has its own; remove one of them.", "model", key);
            }
        }
    }

    /// <summary>The fields of data.train as they are written: one whose value has a mistake was not bound, but it is there.</summary>
    private List<string> FieldNames() => Find("data", "train", "fields") is { Exact: true, Node: var node } ? [.. node.Members.Keys] : [];

    private void CheckFields(DataSection? data)
    {
        if (data?.Train?.Fields is not { } train)
        {
            return;
        }

        if (train.Count == 0)
        {
            Report("is empty; name the array of every model input, for example {\"image\": \"train_image.npy\"}.", "data", "train", "fields");
            return;
        }

        CheckBuckets(data.Train, "train");
        CheckBuckets(data.Val, "val");
        BucketRules.Check(data.Train, "train", Report);
        BucketRules.Check(data.Val, "val", Report);
        var names = FieldNames();
        if (data.Val?.Fields is not null)
        {
            var validation = Find("data", "val", "fields").Node.Members.Keys;
            foreach (var name in names.Where(name => !validation.Contains(name)))
            {
                Report($"lacks the field \"{name}\", which data.train.fields has; add it.", "data", "val", "fields");
            }

            foreach (var name in validation.Where(name => !names.Contains(name)))
            {
                Report("is a field that data.train.fields does not have; add it there or remove it here.", "data", "val", "fields", name);
            }
        }
    }

    private void CheckBuckets(DatasetSection? section, string name)
    {
        foreach (var (field, source) in section?.Fields ?? new Dictionary<string, DataFieldSource>())
        {
            if (source.Others.Count + 1 != section!.BucketCount)
            {
                Report(
                    $"has {source.Others.Count + 1} of the {section.BucketCount} lengths of samples that another field has; list an array for each length, in the same order for every field.",
                    "data", name, "fields", field);
            }
        }
    }

    private void CheckWrapper(OptimWrapperSection? wrapper)
    {
        if (wrapper is { Type: OptimWrapperKind.OptimWrapper, LossScale: not null } && !problems.Any("optim_wrapper.type"))
        {
            Report("is for \"type\": \"AmpOptimWrapper\"; change the type or remove loss_scale.", "optim_wrapper", "loss_scale");
        }

        if (wrapper?.ClipGrad is { NormType: not 2 })
        {
            Report("must be 2 in this version.", "optim_wrapper", "clip_grad", "norm_type");
        }
    }

    private void CheckOptimizer(OptimizerSection? optimizer, ParamwiseSection? rules)
    {
        if (optimizer is null || problems.Any("optim_wrapper.optimizer.type"))
        {
            return;
        }

        string[] place = ["optim_wrapper", "optimizer"];
        foreach (var key in Find(place).Node.Members.Keys.Where(key => !OptimizerOptions.Has(optimizer.Type, key)))
        {
            Report(OptimizerOptions.Refusal(optimizer.Type, key), [.. place, key]);
        }

        if (optimizer is { Eps: { } eps } && optimizer.Type == OptimizerKind.Adafactor != eps.Second is not null)
        {
            Report(
                optimizer.Type == OptimizerKind.Adafactor
                    ? "is one number, but Adafactor takes a list of two such as [null, 1e-3]."
                    : $"is a list, which only Adafactor takes; write one number for {OptimizerOptions.NameOf(optimizer.Type)}.",
                [.. place, "eps"]);
        }

        var owned = (rules?.CustomKeys ?? new Dictionary<string, CustomKeySection>()).Select(pair => (Place: new[] { "custom_keys", pair.Key }, pair.Value.Eps))
            .Concat((rules?.Groups ?? []).Select((group, index) => (Place: new[] { "groups", $"{index}" }, group?.Eps)));
        foreach (var (owner, epsilon) in owned)
        {
            string[] steps = ["optim_wrapper", "paramwise_cfg", .. owner];
            foreach (var key in Find(steps).Node.Members.Keys.Where(key => !OptimizerOptions.Has(optimizer.Type, key)))
            {
                Report(OptimizerOptions.Refusal(optimizer.Type, key), [.. steps, key]);
            }

            if (optimizer.Type == OptimizerKind.Adafactor && epsilon is not null)
            {
                Report("is one for all parameters with Adafactor; set it in optim_wrapper.optimizer.", [.. steps, "eps"]);
            }
        }

        if (optimizer is { Type: OptimizerKind.Sgd, Nesterov: true } && (optimizer.Momentum is null or 0 || optimizer.Dampening is not (null or 0)))
        {
            Report("needs a momentum above 0 and no dampening; set \"momentum\": 0.9 and remove dampening, or set nesterov to false.", [.. place, "nesterov"]);
        }
    }

    /// <summary>MMEngine's own rule: a decay multiplier without a weight decay written in the optimizer is a mistake.</summary>
    private void CheckParamwise(ParamwiseSection? rules, OptimizerSection? optimizer)
    {
        if (rules is null)
        {
            return;
        }

        var written = optimizer is null || Find("optim_wrapper", "optimizer", "weight_decay").Exact;
        var mults = new[]
        {
            ("bias_decay_mult", rules.BiasDecayMult), ("norm_decay_mult", rules.NormDecayMult),
            ("flat_decay_mult", rules.FlatDecayMult), ("dwconv_decay_mult", rules.DwconvDecayMult),
        };
        foreach (var (key, _) in mults.Where(mult => !written && mult.Item2 is not null))
        {
            Report(NoBase, "optim_wrapper", "paramwise_cfg", key);
        }

        foreach (var (key, custom) in rules.CustomKeys)
        {
            CheckSettings(custom.LrMult, custom.Lr, custom.DecayMult, custom.WeightDecay, written, "custom_keys", key);
        }

        for (var index = 0; index < rules.Groups.Count; index++)
        {
            if (rules.Groups[index] is { } group)
            {
                CheckSettings(group.LrMult, group.Lr, group.DecayMult, group.WeightDecay, written, "groups", $"{index}");
                if (string.IsNullOrEmpty(group.Match) && string.IsNullOrEmpty(group.Regex) && group.Kinds is not { Count: > 0 } && group.MaxNdim is null)
                {
                    Report("does not say which parameters it takes; add \"match\", \"regex\", \"kinds\" or \"max_ndim\".", "optim_wrapper", "paramwise_cfg", "groups", $"{index}");
                }
            }
        }
    }

    private void CheckSettings(double? rateMultiplier, double? rate, double? decayMultiplier, double? decay, bool written, params string[] place)
    {
        string[] steps = ["optim_wrapper", "paramwise_cfg", .. place];
        if (decayMultiplier is not null && decay is not null)
        {
            Report("has both decay_mult and weight_decay; remove one of them.", steps);
        }
        else if (decayMultiplier is not null && !written)
        {
            Report(NoBase, [.. steps, "decay_mult"]);
        }

        if (rateMultiplier is not null && rate is not null)
        {
            Report("has both lr_mult and lr; remove one of them.", steps);
        }
    }

    private const string NoBase = "multiplies the optimizer's weight decay, which is not given; add \"weight_decay\": 0.01 to optim_wrapper.optimizer.";

    /// <summary>What a schedule's own keys show; what depends on the length of an epoch shows when the schedule is built.</summary>
    private void CheckSchedulers(IReadOnlyList<SchedulerOptions?> schedulers)
    {
        for (var index = 0; index < schedulers.Count; index++)
        {
            if (schedulers[index] is not { } options || problems.Any($"param_scheduler.{index}") || problems.Any("param_scheduler.type"))
            {
                continue;
            }

            try
            {
                SchedulerNames.Parameter(options, $"param_scheduler[{index}] ({options.Type})");
                UnusedKeys.Check(options, new SchedulerWindow($"param_scheduler[{index}] ({options.Type})", options.Type, options.ByEpoch, 0, 1, 1, 1));
            }
            catch (ScheduleException exception)
            {
                problems.AddSentence($"{Find("param_scheduler", $"{index}").Node.Place}: {exception.Message}", $"param_scheduler.{index}");
            }
        }
    }

    private void CheckZero(ZeroOptimizationSection zero, RandomnessSection randomness)
    {
        if (zero.CommunicationDataType != CommunicationType.Fp32 && randomness.Deterministic)
        {
            Report(
                "rounds what travels between ranks, so that the weights depend on their number, which randomness.deterministic rules out; use \"fp32\" or set randomness.deterministic to false.",
                "zero_optimization", "communication_data_type");
        }

        CheckOffload(zero.OffloadOptimizer, "offload_optimizer");
        CheckOffload(zero.OffloadParam, "offload_param");
    }

    private void CheckOffload(OffloadSection section, string key)
    {
        if (section is { Device: OffloadDevice.Nvme, NvmePath: null })
        {
            Report("is missing; name a folder on a fast disk for the files, as in \"nvme_path\": \"/local_nvme\".", "zero_optimization", key, "nvme_path");
        }
        else if (section.Device == OffloadDevice.Nvme && File.Exists(section.NvmePath))
        {
            Report($"names the file {section.NvmePath}, but must name a folder.", "zero_optimization", key, "nvme_path");
        }
    }

    private void CheckFolders(TrainingConfiguration configuration)
    {
        if (File.Exists(configuration.WorkDir))
        {
            Report($"names the file {configuration.WorkDir}, but must name a folder.", "work_dir");
        }

        if (configuration.Checkpoint.Resume.Path is { } checkpoint && !Directory.Exists(checkpoint))
        {
            var parent = Path.GetDirectoryName(checkpoint);
            var near = Directory.Exists(parent)
                ? NearestName.Find(Path.GetFileName(checkpoint), Directory.EnumerateDirectories(parent).Select(name => Path.GetFileName(name)))
                : null;
            Report($"names {checkpoint}, which is not the folder of a checkpoint; "
                + (near is null ? "correct the path, or write \"auto\" for the newest one in work_dir." : $"did you mean \"{near}\"?"), "checkpoint", "resume");
        }
    }

    private void CheckFrozen(IReadOnlyList<string>? frozen)
    {
        for (var index = 0; index < frozen?.Count; index++)
        {
            if (frozen[index] is { Length: 0 })
            {
                Report("is empty, which would freeze every parameter; remove it.", "model", "frozen", $"{index}");
            }
        }
    }

    private void CheckRecompute(RecomputeSection? recompute)
    {
        if (recompute is null)
        {
            return;
        }

        if (recompute.Layers is not { Count: > 0 } && recompute.MemoryBudget is null)
        {
            Report("says nothing to recompute; add \"layers\": [\"/blocks.*/\"] or \"memory_budget\": \"64MiB\".", "graph", "recompute");
        }
        else if (recompute.Layers is { Count: > 0 } && recompute.MemoryBudget is not null)
        {
            Report("has both layers and memory_budget; remove one of them.", "graph", "recompute");
        }

        for (var index = 0; index < recompute.Layers?.Count; index++)
        {
            if (recompute.Layers[index] is { Length: 0 })
            {
                Report("is empty, which is in every name; remove it.", "graph", "recompute", "layers", $"{index}");
            }
        }
    }

    private void CheckSample(SampleSection? sample, IReadOnlyDictionary<string, DataFieldSource>? fields)
    {
        if (sample is null || problems.Any("data"))
        {
            return;
        }

        if (fields is null)
        {
            Report("shows a validation sample, but there is no data.val; add it or remove sample.", "evaluation", "sample");
            return;
        }

        foreach (var (key, field) in new[] { ("picture", sample.Picture), ("tokens", sample.Tokens) })
        {
            if (field is not null && !fields.ContainsKey(field))
            {
                var near = NearestName.Find(field, fields.Keys);
                Report($"names the data field \"{field}\", which data.val.fields does not have; "
                    + (near is null ? $"it has {string.Join(", ", fields.Keys.Select(name => $"\"{name}\""))}." : $"did you mean \"{near}\"?"), "evaluation", "sample", key);
            }
        }
    }

    private void Report(string sentence, params string[] steps)
    {
        var path = steps.Aggregate("", ConfigurationNode.Join);
        if (!problems.Any(path))
        {
            problems.Add(Find(steps).Node.Place, path, sentence);
        }
    }

    /// <summary>The node at a path, or the one nearest above it.</summary>
    private (ConfigurationNode Node, bool Exact) Find(params string[] steps)
    {
        var node = root;
        foreach (var step in steps)
        {
            if (node.Kind == JsonValueKind.Array && int.TryParse(step, out var index) && index < node.Items.Count)
            {
                node = node.Items[index];
            }
            else if (!node.Members.TryGetValue(step, out var next))
            {
                return (node, false);
            }
            else
            {
                node = next;
            }
        }

        return (node, node.Kind != JsonValueKind.Null);
    }
}
