using System.Text.Json.Nodes;

namespace OrtZero.Training.Tests;

public sealed class ConfigurationMistakeTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("micro_batchsize", "1", "micro_batchsize is not a known key; did you mean \"micro_batch_size\"?")]
    [InlineData("gradient_clipping", "1", "gradient_clipping is not a known key; did you mean optim_wrapper.clip_grad.max_norm?")]
    [InlineData("reduce_bucket_size", "1", "reduce_bucket_size is not a known key; did you mean zero_optimization.reduce_bucket_size?")]
    [InlineData("log/zzzzzzzz", "1", "log.zzzzzzzz is not a known key; log has \"interval\", \"watch\", \"watch_distance\", \"tensorboard\", \"trace\", \"jsonl\".")]
    [InlineData("micro_batch_size", "\"8\"", "micro_batch_size is the string \"8\", but must be a whole number. Remove the quotes.")]
    [InlineData("micro_batch_size", "8.5", "micro_batch_size is 8.5, but must be a whole number.")]
    [InlineData("micro_batch_size", "0", "micro_batch_size is 0, but must be at least 1.")]
    [InlineData("micro_batch_size", "3e9", "micro_batch_size is 3e9, but must be a whole number from -2147483648 to 2147483647.")]
    [InlineData("micro_batch_size", "null", "micro_batch_size is null, but must be a whole number.")]
    [InlineData("zero_optimization/reduce_bucket_size", "\"auto\"", "zero_optimization.reduce_bucket_size is the string \"auto\", but must be a whole number. \"auto\" is not filled in here; write the value.")]
    [InlineData("zero_optimization/stage", "4", "zero_optimization.stage is 4, but must be at least 0 and at most 3.")]
    [InlineData("zero_optimization/offload_optimizer/device", "\"nvme\"", "zero_optimization.offload_optimizer.nvme_path is missing; name a folder on a fast disk for the files, as in \"nvme_path\": \"/local_nvme\".")]
    [InlineData("zero_optimization/offload_param", "{\"device\": \"nvme\", \"buffer_count\": 0}", "zero_optimization.offload_param.buffer_count is 0, but must be at least 1.")]
    [InlineData("zero_optimization/offload_param/device", "\"disk\"", "zero_optimization.offload_param.device is the string \"disk\", which this version does not have; it has \"none\", \"cpu\", \"nvme\".")]
    [InlineData("optim_wrapper/dtype", "\"float16\"", "optim_wrapper.dtype is the string \"float16\", which this version does not have; it has \"float32\".")]
    [InlineData("optim_wrapper/optimizer/type", "\"sgd\"", "optim_wrapper.optimizer.type is the string \"sgd\", which this version does not have; it has \"AdamW\", \"Adam\", \"SGD\", \"RMSprop\", \"Adagrad\", \"Lion\", \"LAMB\", \"Adafactor\", \"Muon\". Did you mean \"SGD\"?")]
    [InlineData("optim_wrapper/optimizer/type", "\"adamw\"", "optim_wrapper.optimizer.type is the string \"adamw\", which this version does not have; it has \"AdamW\", \"Adam\", \"SGD\", \"RMSprop\", \"Adagrad\", \"Lion\", \"LAMB\", \"Adafactor\", \"Muon\". Did you mean \"AdamW\"?")]
    [InlineData("optim_wrapper/optimizer/momentum", "0.9", "optim_wrapper.optimizer.momentum is an option of SGD, RMSprop and Muon, not of AdamW; remove it.")]
    [InlineData("optim_wrapper/optimizer/lr_decay", "0.9", "optim_wrapper.optimizer.lr_decay is an option of Adagrad, not of AdamW; remove it.")]
    [InlineData("optim_wrapper/optimizer/eps", "[1e-8, 1e-3]", "optim_wrapper.optimizer.eps is a list, which only Adafactor takes; write one number for AdamW.")]
    [InlineData("optim_wrapper/optimizer/eps", "[1e-8]", "optim_wrapper.optimizer.eps is a list of 1, but must be a number such as 1e-8, or for Adafactor a list of two such as [null, 1e-3].")]
    [InlineData("optim_wrapper/optimizer/eps", "[null, -1]", "optim_wrapper.optimizer.eps.1 is -1, but must be at least 0.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"SGD\", \"lr\": 0.1, \"weight_decay\": 0, \"nesterov\": true}", "optim_wrapper.optimizer.nesterov needs a momentum above 0 and no dampening; set \"momentum\": 0.9 and remove dampening, or set nesterov to false.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"SGD\", \"lr\": 0.1, \"weight_decay\": 0, \"momentum\": 1}", "optim_wrapper.optimizer.momentum is 1, but must be at least 0 and below 1.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"SGD\", \"lr\": 0.1, \"weight_decay\": 0, \"dampening\": 2}", "optim_wrapper.optimizer.dampening is 2, but must be at least 0 and at most 1.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"RMSprop\", \"lr\": 0.1, \"weight_decay\": 0, \"alpha\": 1}", "optim_wrapper.optimizer.alpha is 1, but must be at least 0 and below 1.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"Adagrad\", \"lr\": 0.1, \"weight_decay\": 0, \"initial_accumulator_value\": -1}", "optim_wrapper.optimizer.initial_accumulator_value is -1, but must be at least 0.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"Adafactor\", \"lr\": 0.1, \"weight_decay\": 0, \"eps\": 1e-8}", "optim_wrapper.optimizer.eps is one number, but Adafactor takes a list of two such as [null, 1e-3].")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"Adafactor\", \"lr\": 0.1, \"weight_decay\": 0, \"beta2_decay\": 0.8}", "optim_wrapper.optimizer.beta2_decay is 0.8, but must be at most 0.")]
    [InlineData("optim_wrapper/optimizer", "{\"type\": \"Muon\", \"lr\": 0.1, \"weight_decay\": 0, \"ns_steps\": 0}", "optim_wrapper.optimizer.ns_steps is 0, but must be at least 1 and at most 99.")]
    [InlineData("optim_wrapper/paramwise_cfg/groups", "[{\"match\": \"encoder\", \"momentum\": 0.5}]", "optim_wrapper.paramwise_cfg.groups.0.momentum is an option of SGD, RMSprop and Muon, not of AdamW; remove it.")]
    [InlineData("optim_wrapper/paramwise_cfg/custom_keys/encoder./use_muon", "false", "optim_wrapper.paramwise_cfg.custom_keys.\"encoder.\".use_muon is an option of Muon, not of AdamW; remove it.")]
    [InlineData("optim_wrapper/optimizer/betas", "[0.9]", "optim_wrapper.optimizer.betas is a list of 1, but must be a list of two numbers such as [0.9, 0.999].")]
    [InlineData("optim_wrapper/optimizer/betas", "[0.9, 1]", "optim_wrapper.optimizer.betas.1 is 1, but must be at least 0 and below 1.")]
    [InlineData("optim_wrapper/optimizer/lr", "-1", "optim_wrapper.optimizer.lr is -1, but must be at least 0.")]
    [InlineData("optim_wrapper/type", "\"OptimWrapper\"", "optim_wrapper.loss_scale is for \"type\": \"AmpOptimWrapper\"; change the type or remove loss_scale.")]
    [InlineData("optim_wrapper/loss_scale", "\"static\"", "optim_wrapper.loss_scale is the string \"static\", but must be \"dynamic\", a number or an object such as {\"init_scale\": 65536}.")]
    [InlineData("optim_wrapper/clip_grad/norm_type", "1", "optim_wrapper.clip_grad.norm_type must be 2 in this version.")]
    [InlineData("optim_wrapper/clip_grad", "1.0", "optim_wrapper.clip_grad is 1.0, but must be an object with the keys \"type\", \"max_norm\", \"norm_type\", \"error_if_nonfinite\".")]
    [InlineData("optim_wrapper/paramwise_cfg/custom_keys/encoder./lr", "1", "optim_wrapper.paramwise_cfg.custom_keys.\"encoder.\" has both lr_mult and lr; remove one of them.")]
    [InlineData("train_cfg/max_iters", "5", "train_cfg has both max_epochs and max_iters; remove one of them.")]
    [InlineData("train_cfg/max_epochs", "null", "train_cfg says no end of training; add \"max_epochs\": 3 or \"max_iters\": 1000.")]
    [InlineData("train_cfg/by_epoch", "false", "train_cfg.by_epoch is false, but training ends by max_epochs; give max_iters instead or remove by_epoch.")]
    [InlineData("model/loss/labels", "\"label\"", "model.loss.labels names the data field \"label\", which data.train.fields does not have; did you mean \"labels\"?")]
    [InlineData("model/loss/labels", "null", "model.loss.labels must name the data field with the labels; add \"labels\": \"labels\".")]
    [InlineData("model/loss/label_smoothing", "1.5", "model.loss.label_smoothing is 1.5, but must be at least 0 and at most 1.")]
    [InlineData("param_scheduler/0/tmax", "5", "param_scheduler.0.tmax is not a known key; did you mean \"T_max\"?")]
    [InlineData("param_scheduler/1/T_max", "0", "param_scheduler.1.T_max is 0, but must be above 0.")]
    [InlineData("param_scheduler/0/gamma", "0.5", "param_scheduler[0] (LinearLR) has no gamma; its own keys are start_factor, end_factor.")]
    [InlineData("param_scheduler/0/type", "\"LinearRL\"", "param_scheduler.0.type is the string \"LinearRL\", which this version does not have. Did you mean \"LinearLR\"?")]
    [InlineData("param_scheduler", "5", "param_scheduler is 5, but must be a list of objects.")]
    [InlineData("optim_wrapper/loss_scale", "{\"init_scale\": 0}", "optim_wrapper.loss_scale.init_scale is 0, but must be above 0.")]
    [InlineData("optim_wrapper/loss_scale", "0", "optim_wrapper.loss_scale is 0, but must be above 0.")]
    [InlineData("optim_wrapper/loss_scale", "{\"growth\": 2}", "optim_wrapper.loss_scale.growth is not a known key; optim_wrapper.loss_scale has \"init_scale\", \"growth_factor\", \"backoff_factor\", \"growth_interval\".")]
    [InlineData("evaluation/sample", "{\"tokens\": \"label\"}", "evaluation.sample.tokens names the data field \"label\", which data.val.fields does not have; did you mean \"labels\"?")]
    [InlineData("evaluation/sample", "{\"picture\": \"image\"}", "evaluation.sample.tokens is missing; add \"tokens\": \"…\".")]
    [InlineData("evaluation/vocabulary", "\"words.json\"", "@/words.json, which does not exist; correct the path or put the file there.")]
    [InlineData("model/loss/normalize", "\"all\"", "model.loss.normalize is the string \"all\", which this version does not have; it has \"micro_batch\", \"global\".")]
    [InlineData("model/loss/delta", "0.5", "model.loss.delta is for a loss of type \"huber\"; remove it.")]
    [InlineData("model/loss/pos_weight", "[2]", "model.loss.pos_weight is for a loss of type \"bce_with_logits\"; remove it.")]
    [InlineData("model/loss", "[]", "model.loss is an empty list; name at least one loss.")]
    [InlineData("model/loss", "[{\"type\": \"mse\", \"output\": \"a\", \"labels\": \"labels\", \"axis\": 1}, {\"type\": \"l1\", \"output\": \"b\", \"labels\": \"labels\"}]", "model.loss.0.axis is for a loss of type \"cross_entropy\"; remove it.")]
    [InlineData("model/loss", "[{\"type\": \"output\", \"output\": \"a\"}, {\"type\": \"l1\", \"output\": \"b\", \"labels\": \"label\"}]", "model.loss.1.labels names the data field \"label\", which data.train.fields does not have; did you mean \"labels\"?")]
    [InlineData("model/frozen/0", "\"\"", "model.frozen.0 is empty, which would freeze every parameter; remove it.")]
    [InlineData("model/frozen", "\"a\"", "model.frozen is the string \"a\", but must be a list of strings.")]
    [InlineData("data/train/buckets", "{\"lengths\": [8, 4], \"fields\": [\"labels\"], \"pad_value\": 0}", "data.train.buckets.lengths must be lengths that rise, for example [64, 256].")]
    [InlineData("data/train/buckets", "{\"lengths\": [4], \"fields\": [\"label\"], \"pad_value\": 0}", "data.train.buckets.fields names the data field \"label\", which data.train.fields does not have; did you mean \"labels\"?")]
    [InlineData("data/train/buckets", "{\"lengths\": [4], \"fields\": [\"labels\"]}", "data.train.buckets does not say how long samples are; add \"sample_lengths\": \"lengths.npy\" or \"pad_value\": -100.")]
    [InlineData("data/train/buckets", "{\"lengths\": [4], \"fields\": [\"labels\"], \"pad_value\": 0, \"pad_field\": \"image\"}", "data.train.buckets.pad_field is not one of the fields that are cut; name one of them.")]
    [InlineData("data/train/fields/image", "5", "data.train.fields.image is 5, but must be a string such as \"train.npy\" or \"train.npz:images\".")]
    [InlineData("data/train/fields/image", "\"image.bin\"", "data.train.fields.image is the string \"image.bin\", but must be a .npy file or an array of a .npz file (\"file.npz:array\").")]
    [InlineData("data/train/fields/image", "[\"image.npy\", \"image.npy\"]", "data.train.fields.labels has 1 of the 2 lengths of samples that another field has; list an array for each length, in the same order for every field.")]
    [InlineData("data/train/fields/image", "[\"image.npy\", \"absent.npz\"]", "@/absent.npz, which does not exist; correct the path or put the file there.")]
    [InlineData("data/val/fields/more", "\"image.npy\"", "data.val.fields.more is a field that data.train.fields does not have; add it there or remove it here.")]
    [InlineData("data/train/fields/more", "\"image.npy\"", "data.val.fields lacks the field \"more\", which data.train.fields has; add it.")]
    [InlineData("data/train/fields", "{}", "data.train.fields is empty; name the array of every model input, for example {\"image\": \"train_image.npy\"}.")]
    [InlineData("model/dropout", "\"yes\"", "model.dropout is the string \"yes\", but must be true, false or a rate such as 0.1.")]
    [InlineData("model/dropout", "1", "model.dropout is 1, but must be at least 0 and below 1.")]
    [InlineData("graph/recompute", "{}", "graph.recompute says nothing to recompute; add \"layers\": [\"/blocks.*/\"] or \"memory_budget\": \"64MiB\".")]
    [InlineData("graph/recompute", "{\"layers\": [\"a\"], \"memory_budget\": \"1GB\"}", "graph.recompute has both layers and memory_budget; remove one of them.")]
    [InlineData("graph/recompute", "{\"layers\": [\"\"]}", "graph.recompute.layers.0 is empty, which is in every name; remove it.")]
    [InlineData("graph/recompute", "{\"memory_budget\": \"much\"}", "graph.recompute.memory_budget is the string \"much\", but must be a string such as \"64MiB\".")]
    [InlineData("execution/provider", "\"gpu\"", "execution.provider is the string \"gpu\", which this version does not have; it has \"cpu\", \"cuda\", \"webgpu\", \"auto\". Did you mean \"cpu\"?")]
    [InlineData("coordinator/address", "\"nowhere\"", "coordinator.address is the string \"nowhere\", but must be a string such as \"embedded\", \"none\" or \"host:5050\".")]
    [InlineData("coordinator/port", "70000", "coordinator.port is 70000, but must be at least 0 and at most 65535.")]
    [InlineData("log/jsonl", "\"yes\"", "log.jsonl is the string \"yes\", but must be true or false.")]
    [InlineData("log/interval", "[]", "log.interval is an empty list, but must be a whole number.")]
    [InlineData("work_dir", "\"\"", "work_dir is an empty string, but must be a path.")]
    public void One_mistake_is_one_sentence_with_its_key_and_the_fix(string path, string value, string sentence)
    {
        var problem = Assert.Single(_folder.ProblemsWith(path, JsonNode.Parse(value)));

        Assert.Matches("^.*cfg\\.json line [0-9]+: ", problem);
        Assert.EndsWith(sentence.StartsWith('@') ? _folder.Folder + sentence[1..] : ": " + sentence, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Gradients_in_16_bits_and_deterministic_sums_exclude_each_other()
    {
        var settings = JsonNode.Parse(ConfigurationFolder.Valid)!.AsObject();
        settings["zero_optimization"] = new JsonObject { ["communication_data_type"] = "bf16" };
        settings["randomness"] = new JsonObject { ["deterministic"] = true };

        var problem = Assert.Single(_folder.Problems(settings.ToJsonString()));

        Assert.EndsWith(
            ": zero_optimization.communication_data_type rounds what travels between ranks, so that the weights depend on their number, which randomness.deterministic rules out; use \"fp32\" or set randomness.deterministic to false.",
            problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mistake_is_reported_with_the_line_it_stands_on()
    {
        var line = ConfigurationFolder.Valid[..ConfigurationFolder.Valid.IndexOf("\"micro_batch_size\"", StringComparison.Ordinal)].Count(letter => letter == '\n') + 1;

        var problem = Assert.Single(_folder.Problems(ConfigurationFolder.Valid.Replace("_size\": 8", "_size\": -8", StringComparison.Ordinal)));

        Assert.Equal($"{_folder.FilePath} line {line}: micro_batch_size is -8, but must be at least 1.", problem);
    }

    [Fact]
    public void All_mistakes_are_listed_at_once()
    {
        var exception = Assert.Throws<ConfigurationException>(() => _folder.Load("""
            { "model": { "path": "modle.onnx", "loss": { "type": "cros_entropy", "output": "logits" } },
              "data": { "train": { "fields": { "image": "imag.npy" } } },
              "train_cfg": { "max_epochs": "three" }, "micro_batch_size": 0,
              "optim_wrapper": { "optimiser": {} },
              "micro_batch_size": 4 }
            """));

        Assert.Equal(7, exception.Problems.Count);
        Assert.Contains(exception.Problems, problem => problem.Contains("names " + Path.Combine(_folder.Folder, "modle.onnx") + ", which does not exist; did you mean \"model.onnx\"?", StringComparison.Ordinal));
        Assert.Contains(exception.Problems, problem => problem.Contains("model.loss.type is the string \"cros_entropy\", which this version does not have; it has \"cross_entropy\", \"mse\", \"l1\", \"huber\", \"bce_with_logits\", \"kl_div\", \"output\". Did you mean \"cross_entropy\"?", StringComparison.Ordinal));
        Assert.Contains(exception.Problems, problem => problem.Contains("data.train.fields.image names", StringComparison.Ordinal) && problem.Contains("did you mean \"image.npy\"?", StringComparison.Ordinal));
        Assert.Contains(exception.Problems, problem => problem.EndsWith("train_cfg.max_epochs is the string \"three\", but must be a whole number.", StringComparison.Ordinal));
        Assert.Contains(exception.Problems, problem => problem.Contains("micro_batch_size is given twice, the first time in ", StringComparison.Ordinal));
        Assert.Contains(exception.Problems, problem => problem.EndsWith("optim_wrapper.optimiser is not a known key; did you mean \"optimizer\"?", StringComparison.Ordinal));
        Assert.Contains(exception.Problems, problem => problem.EndsWith("optim_wrapper.optimizer is missing; add \"optimizer\": { … }.", StringComparison.Ordinal));
        Assert.All(exception.Problems, problem => Assert.Contains(problem, exception.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "line 1 column 1")]
    [InlineData("{", "line 1 column 2")]
    [InlineData("{\n  \"a\": tru }", "line 2 column")]
    [InlineData("{\n \"é\": 1 1}", "line 2 column 9")]
    [InlineData("{} x", "line 1 column 4")]
    [InlineData("{ \"a\": NaN }", "line 1 column 8")]
    [InlineData("{ 'a': 1 }", "line 1 column 3")]
    public void Malformed_json_is_reported_with_line_and_column(string json, string position)
    {
        var problem = Assert.Single(_folder.Problems(json));

        Assert.Contains(position, problem, StringComparison.Ordinal);
        Assert.Contains("this is not JSON", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("5")]
    [InlineData("null")]
    public void A_file_that_is_no_object_is_refused(string json)
    {
        Assert.Contains("must be an object with the keys \"model\"", Assert.Single(_folder.Problems(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_a_mistake_of_its_line()
    {
        Assert.Contains("line 2: this string has an incomplete", Assert.Single(_folder.Problems("{\n\"work_dir\": \"\\ud800\" }")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_UTF8_is_refused()
    {
        File.WriteAllBytes(_folder.FilePath, [0x7B, 0xFF, 0x7D]);

        var exception = Assert.Throws<ConfigurationException>(() => TrainingConfiguration.Load(_folder.FilePath));

        Assert.Equal($"{_folder.FilePath}: this is not UTF-8 text; save it in UTF-8.", exception.Message);
    }

    [Fact]
    public void A_missing_configuration_names_the_file_that_was_probably_meant()
    {
        _folder.Load(ConfigurationFolder.Valid);
        var path = Path.Combine(_folder.Folder, "cgf.json");

        var exception = Assert.Throws<ConfigurationException>(() => TrainingConfiguration.Load(path));

        Assert.Equal($"The configuration {path} cannot be read: it names {path}, which does not exist; did you mean \"cfg.json\"?", exception.Message);
    }

    [Fact]
    public void A_checkpoint_that_is_not_there_is_refused()
    {
        Assert.Contains("checkpoint.resume names", Assert.Single(_folder.ProblemsWith("checkpoint/resume", "nowhere")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_work_folder_that_is_a_file_is_refused()
    {
        Assert.Contains("work_dir names the file", Assert.Single(_folder.ProblemsWith("work_dir", "image.npy")), StringComparison.Ordinal);
    }

    [Fact]
    public void Decay_multipliers_need_a_weight_decay_to_multiply()
    {
        var problems = _folder.ProblemsWith("optim_wrapper/optimizer/weight_decay", null);

        Assert.Equal(2, problems.Count);
        Assert.All(problems, problem => Assert.EndsWith(
            "_decay_mult multiplies the optimizer's weight decay, which is not given; add \"weight_decay\": 0.01 to optim_wrapper.optimizer.",
            problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Decay_multipliers_of_custom_keys_need_a_weight_decay_too()
    {
        var problems = _folder.Problems(
            ConfigurationFolder.Valid,
            "optim_wrapper.optimizer={\"type\": \"AdamW\", \"lr\": 1}",
            "optim_wrapper.paramwise_cfg={\"custom_keys\": {\"a.\": {\"decay_mult\": 0}}}");

        Assert.Contains("custom_keys.\"a.\".decay_mult multiplies the optimizer's weight decay, which is not given", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_of_a_cross_entropy_are_refused_elsewhere()
    {
        var problems = _folder.Problems(ConfigurationFolder.Valid, "model.loss.type=mse", "model.loss.label_smoothing=0.1", "model.loss.ignore_index=-1", "evaluation.metric=token_accuracy");

        Assert.Equal(3, problems.Count);
    }
}
