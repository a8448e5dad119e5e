using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

public sealed class OptimizerSectionTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_type_reaches_an_optimizer_with_its_own_defaults()
    {
        Assert.Equal(OptimizerSettings.Types, SettingDescription.EnumNames(typeof(OptimizerKind)).Select(name => name.Name));
        foreach (var type in OptimizerSettings.Types)
        {
            var settings = Settings($$"""{ "type": "{{type}}", "lr": 0.25 }""");

            var defaults = OptimizerSettings.For(type);
            Assert.Equal(defaults with { LearningRate = 0.25, WeightDecay = defaults.EffectiveWeightDecay }, settings);
        }
    }

    [Theory]
    [InlineData("AdamW", 0.01, 0.9, 0.999, 1e-8)]
    [InlineData("Adam", 0, 0.9, 0.999, 1e-8)]
    [InlineData("Adagrad", 0, 0.9, 0.999, 1e-10)]
    [InlineData("Lion", 0, 0.9, 0.99, 1e-8)]
    [InlineData("LAMB", 0, 0.9, 0.999, 1e-6)]
    [InlineData("Muon", 0.1, 0.9, 0.999, 1e-8)]
    public void Defaults_are_the_documented_ones(string type, double decay, double beta1, double beta2, double epsilon)
    {
        var settings = Settings($$"""{ "type": "{{type}}", "lr": 1 }""");

        Assert.Equal(((double?)decay, beta1, beta2, epsilon), (settings.WeightDecay, settings.Beta1, settings.Beta2, settings.Epsilon));
    }

    [Fact]
    public void Every_option_arrives()
    {
        var sgd = Settings("""{ "type": "SGD", "lr": 1, "momentum": 0.8, "dampening": 0.25, "nesterov": false }""");
        Assert.Equal((0.8, 0.25, false), (sgd.Momentum, sgd.Dampening, sgd.Nesterov));
        Assert.True(Settings("""{ "type": "SGD", "lr": 1, "momentum": 0.8, "nesterov": true }""").Nesterov);
        var rms = Settings("""{ "type": "RMSprop", "lr": 1, "alpha": 0.5, "centered": true, "momentum": 0.25, "eps": 1e-3 }""");
        Assert.Equal((0.5, true, 0.25, 1e-3), (rms.Alpha, rms.Centered, rms.Momentum, rms.Epsilon));
        var adagrad = Settings("""{ "type": "Adagrad", "lr": 1, "lr_decay": 0.5, "initial_accumulator_value": 2 }""");
        Assert.Equal((0.5, 2.0), (adagrad.LearningRateDecay, adagrad.InitialAccumulatorValue));
        var adafactor = Settings("""{ "type": "Adafactor", "lr": 1, "beta2_decay": -0.5, "eps": [1e-6, 1e-2], "d": 2 }""");
        Assert.Equal((-0.5, (double?)1e-6, 1e-2, 2.0), (adafactor.Beta2Decay, adafactor.Epsilon1, adafactor.Epsilon2, adafactor.ClipThreshold));
        Assert.Null(Settings("""{ "type": "Adafactor", "lr": 1, "eps": [null, 1e-2] }""").Epsilon1);
        var muon = Settings("""{ "type": "Muon", "lr": 1, "momentum": 0.9, "nesterov": false, "ns_steps": 7, "adjust_lr_fn": "original" }""");
        Assert.Equal((0.9, false, 7, "original"), (muon.Momentum, muon.Nesterov, muon.NewtonSchulzSteps, muon.AdjustLearningRate));
    }

    private OptimizerSettings Settings(string section) => SettingsMapping.Optimizer(_folder.Load($$"""
        { "model": { "path": "model.onnx", "loss": { "type": "output", "output": "loss" } },
          "data": { "train": { "fields": { "image": "image.npy" } } },
          "train_cfg": { "max_iters": 20 }, "micro_batch_size": 2,
          "optim_wrapper": { "optimizer": {{section}} } }
        """).OptimWrapper.Optimizer);
}
