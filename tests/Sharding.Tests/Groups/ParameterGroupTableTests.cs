namespace OrtZero.Sharding.Tests;

public sealed class ParameterGroupTableTests
{
    [Fact]
    public void Frozen_patterns_may_be_regular_expressions()
    {
        var table = ParameterGroupTable.Resolve(
            [.. Enumerable.Range(0, 12).Select(block => new ParameterDescription($"blocks.{block}.weight", [2, 2], ParameterKind.Linear))],
            new OptimizerSettings(), null, [@"regex:^blocks\.[0-3]\."]);

        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 12).Where(block => table.Parameters[block].Frozen));
        Assert.Equal(@"Frozen by the pattern 'regex:^blocks\.[0-3]\.'.", table.Parameters[0].Reason);
    }

    [Theory]
    [InlineData("regex:", "has an empty pattern")]
    [InlineData("regex:[", "is not a regular expression")]
    [InlineData("regex:(?=x)", "has a lookaround or backreference, which are not supported")]
    [InlineData("regex:^block\\.", "matches no parameter. Did you mean 'blocks'")]
    public void A_frozen_expression_that_cannot_work_is_a_sentence(string pattern, string expected) => Assert.Contains(
        expected,
        Assert.Throws<ParameterGroupException>(() => ParameterGroupTable.Resolve(
            [new ParameterDescription("blocks.0.weight", [2, 2], ParameterKind.Linear)], new OptimizerSettings(), null, [pattern])).Message,
        StringComparison.Ordinal);

    private static readonly OptimizerSettings s_optimizer = new() { LearningRate = 1e-3, WeightDecay = 0.05 };

    private static readonly IReadOnlyList<ParameterDescription> s_model =
    [
        new("scale", [8], ParameterKind.Other),
        new("encoder.conv.weight", [8, 1, 3, 3], ParameterKind.DepthwiseConvolution),
        new("encoder.conv.bias", [8], ParameterKind.Bias, true) { Module = ModuleKind.DepthwiseConvolution, SpatialRank = 2 },
        new("encoder.norm.weight", [8], ParameterKind.Norm),
        new("encoder.norm.bias", [8], ParameterKind.Norm, true),
        new("decoder.fc.weight", [8, 8], ParameterKind.Linear),
        new("decoder.fc.bias", [8], ParameterKind.Bias, true) { Module = ModuleKind.Linear },
        new("decoder.rms.weight", [8], ParameterKind.Norm) { Module = ModuleKind.RmsNormalization },
    ];

    [Fact]
    public void What_exporters_fold_into_more_axes_is_still_flat()
    {
        ParameterDescription[] model =
        [
            new("gru.bias_l0", [2, 48], ParameterKind.Bias, true) { Module = ModuleKind.Recurrent },
            new("gru.weight_ih_l0", [2, 24, 12], ParameterKind.Linear) { Module = ModuleKind.Recurrent },
            new("norm.weight", [8, 1, 1], ParameterKind.Norm),
            new("grn.gamma", [1, 1, 1, 8], ParameterKind.Norm),
            new("shift", [8, 1, 1], ParameterKind.Bias, true),
        ];
        var table = ParameterGroupTable.Resolve(model, s_optimizer, new() { FlatDecayMult = 0 }, []);
        Assert.Equal(["gru.bias_l0", "norm.weight"], table.Parameters.Where(parameter => parameter.WeightDecay == 0).Select(parameter => parameter.Name));
    }

    [Fact]
    public void Rules_for_norms_come_before_those_for_biases_and_these_before_depthwise_and_flat()
    {
        var table = Resolve(new ParamwiseRules
        {
            NormDecayMult = 0.1, BiasDecayMult = 0.2, DwconvDecayMult = 0.3, FlatDecayMult = 0.4, BiasLrMult = 2,
        });
        Assert.Equal(
            [0.05 * 0.4, 0.05 * 0.3, 0.05 * 0.2, 0.05 * 0.1, 0.05 * 0.1, 0.05, 0.05 * 0.2, 0.05 * 0.4],
            table.Parameters.Select(parameter => parameter.WeightDecay));
        Assert.Equal(
            [1e-3, 1e-3, 2e-3, 1e-3, 1e-3, 1e-3, 2e-3, 1e-3],
            table.Parameters.Select(parameter => parameter.LearningRate));
    }

    [Fact]
    public void A_custom_key_switches_every_other_rule_off()
    {
        var table = Resolve(Keys(new() { NormDecayMult = 0, BiasDecayMult = 0 }, ("encoder.", new() { LrMult = 0.1 })));
        Assert.All(table.Parameters.Where(parameter => parameter.Name.StartsWith("encoder.", StringComparison.Ordinal)), parameter =>
        {
            Assert.Equal((1e-3 * 0.1, 0.05), (parameter.LearningRate, parameter.WeightDecay));
            Assert.Equal("encoder", parameter.Group);
        });
        Assert.Equal(0, Settings(table, "decoder.fc.bias").WeightDecay);
    }

    [Fact]
    public void Rules_multiply_under_a_custom_key_that_does_not_override_kinds()
    {
        var rules = new ParamwiseRules { NormDecayMult = 0, BiasDecayMult = 0.5, BiasLrMult = 2, CustomOverridesKinds = false };
        var table = Resolve(Keys(rules, ("encoder.", new() { LrMult = 0.1, DecayMult = 0.5 }), ("decoder.", new() { WeightDecay = 0.2 })));
        Assert.Equal((1e-3 * 0.1, 0.05 * 0.5), Values(table, "encoder.conv.weight"));
        Assert.Equal((1e-3 * 0.1 * 2, 0.05 * 0.5 * 0.5), Values(table, "encoder.conv.bias"));
        Assert.Equal((1e-3 * 0.1, 0), Values(table, "encoder.norm.bias"));
        Assert.Equal((1e-3, 0.2), Values(table, "decoder.fc.weight"));
        Assert.Equal((1e-3 * 2, 0.1), Values(table, "decoder.fc.bias"));
        Assert.Equal((1e-3, 0), Values(table, "decoder.rms.weight"));
        Assert.Equal(
            ["default", "encoder", "encoder/lr_x2+decay_x0.5", "encoder/no_decay", "decoder", "decoder/lr_x2+decay_x0.5", "decoder/no_decay"],
            table.Groups.Select(group => group.Name));
    }

    [Fact]
    public void Absolute_values_of_a_key_win_over_its_multipliers()
    {
        var table = Resolve(Keys(new(), ("encoder", new() { LrMult = 0.1, Lr = 7e-5, DecayMult = 0, WeightDecay = 0.3, Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-6 })));
        var settings = Settings(table, "encoder.norm.bias");
        Assert.Equal((7e-5, 0.3, 0.8, 0.95, 1e-6), (settings.LearningRate, settings.WeightDecay, settings.Beta1, settings.Beta2, settings.Epsilon));
        var group = table.Groups[table.GroupOf("encoder.norm.bias")];
        Assert.Equal((7e-5, 0.3, 0.8, 0.95, 1e-6), (group.LearningRate, group.WeightDecay, group.Beta1, group.Beta2, group.Epsilon));
        Assert.Equal((0.9, 0.999, 1e-8), (table.Groups[0].Beta1, table.Groups[0].Beta2, table.Groups[0].Epsilon));
    }

    [Fact]
    public void The_longest_key_wins_and_the_alphabetically_first_among_equals()
    {
        var table = Resolve(Keys(new(), ("coder", new() { LrMult = 0.5 }), ("oder.", new() { LrMult = 0.25 }), ("der.fc", new() { LrMult = 0.125 })));
        Assert.Equal(1e-3 * 0.5, Settings(table, "encoder.norm.bias").LearningRate);
        Assert.Equal(1e-3 * 0.125, Settings(table, "decoder.fc.bias").LearningRate);
    }

    [Fact]
    public void A_parameter_on_the_root_is_tested_with_a_leading_dot()
    {
        var table = Resolve(Keys(new(), (".scale", new() { LrMult = 0.5 })));
        Assert.Equal(1e-3 * 0.5, Settings(table, "scale").LearningRate);
        Assert.Empty(table.Warnings);
    }

    [Fact]
    public void Keys_without_effect_are_reported_with_near_misses()
    {
        var table = Resolve(
            Keys(new(), ("enocder.", new() { LrMult = 0.1 }), ("decoder.fc", new() { LrMult = 1 }), ("r.fc", new() { LrMult = 2 }), ("encoder.conv", new())),
            "encoder.conv");
        Assert.Equal(3, table.Warnings.Count);
        Assert.Contains(table.Warnings, warning => warning.Contains("'enocder.' in paramwise_cfg matches no parameter. Did you mean 'encoder'", StringComparison.Ordinal));
        Assert.Contains(table.Warnings, warning => warning.Contains("'r.fc' in paramwise_cfg has no effect: every parameter it matches is taken by a longer key, such as 'decoder.fc'", StringComparison.Ordinal));
        Assert.Contains(table.Warnings, warning => warning.Contains("'encoder.conv' in paramwise_cfg has no effect: every parameter it matches is frozen", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("encoder.conv", 2)]
    [InlineData("encoder.*", 4)]
    [InlineData("*.bias", 3)]
    [InlineData("encoder.nor?.bias", 1)]
    [InlineData(".scale", 1)]
    public void Frozen_patterns_are_substrings_or_globs(string pattern, int count)
    {
        var table = Resolve(null, pattern);
        var frozen = table.Parameters.Where(parameter => parameter.Frozen).ToList();
        Assert.Equal(count, frozen.Count);
        Assert.All(frozen, parameter =>
        {
            Assert.Equal(("frozen", 0.0, 0.0), (parameter.Group, parameter.LearningRate, parameter.WeightDecay));
            Assert.Equal(-1, table.GroupOf(parameter.Name));
            Assert.Equal($"Frozen by the pattern '{pattern}'.", parameter.Reason);
        });
        Assert.Equal(8 - count, table.Groups.Sum(group => group.Parameters.Count));
    }

    [Theory]
    [InlineData("encoder.cnov", "Did you mean 'encoder.conv'")]
    [InlineData("Encoder.*", "Did you mean 'encoder'")]
    [InlineData("something.quite.different", "The parameters begin with 'scale', 'encoder', 'decoder'.")]
    public void A_frozen_pattern_that_matches_nothing_is_an_error_with_near_misses(string pattern, string hint)
    {
        var error = Assert.Throws<ParameterGroupException>(() => Resolve(null, pattern));
        Assert.StartsWith($"The pattern '{pattern}' in model.frozen matches no parameter. {hint}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Freezing_everything_is_an_error() =>
        Assert.Contains("nothing to train", Assert.Throws<ParameterGroupException>(() => Resolve(null, "*")).Message, StringComparison.Ordinal);

    public static TheoryData<ParamwiseRules, string> DecayMultipliers => new()
    {
        { new() { BiasDecayMult = 0 }, "paramwise_cfg.bias_decay_mult" },
        { new() { NormDecayMult = 0 }, "paramwise_cfg.norm_decay_mult" },
        { new() { DwconvDecayMult = 0 }, "paramwise_cfg.dwconv_decay_mult" },
        { Keys(new(), ("encoder", new() { DecayMult = 0 })), "paramwise_cfg.custom_keys['encoder'].decay_mult" },
    };

    [Theory]
    [MemberData(nameof(DecayMultipliers))]
    public void A_decay_multiplier_without_a_base_decay_is_refused(ParamwiseRules rules, string name)
    {
        var error = Assert.Throws<ParameterGroupException>(() => ParameterGroupTable.Resolve(s_model, s_optimizer with { WeightDecay = null }, rules, []));
        Assert.StartsWith($"{name} multiplies a weight decay that was not given", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_base_decay_the_optimizers_own_default_holds()
    {
        var table = ParameterGroupTable.Resolve(s_model, s_optimizer with { WeightDecay = null }, new() { FlatDecayMult = 0 }, []);
        Assert.All(table.Parameters, parameter => Assert.Equal(0.01, parameter.WeightDecay));
        Assert.Contains(table.Warnings, warning => warning.Contains("flat_decay_mult has no effect", StringComparison.Ordinal));
    }

    public static TheoryData<OptimizerSettings, ParamwiseRules, string> BadValues => new()
    {
        { s_optimizer with { LearningRate = -1 }, new(), "optimizer.lr is -1" },
        { s_optimizer with { WeightDecay = double.NaN }, new(), "optimizer.weight_decay is NaN" },
        { s_optimizer with { Beta2 = 1 }, new(), "optimizer.betas[1] is 1" },
        { s_optimizer, new() { BiasLrMult = -2 }, "paramwise_cfg.bias_lr_mult is -2" },
        { s_optimizer, Keys(new(), ("encoder", new() { Lr = double.PositiveInfinity })), "paramwise_cfg.custom_keys['encoder'].lr is Infinity" },
        { s_optimizer, Keys(new(), ("", new() { LrMult = 1 })), "paramwise_cfg.custom_keys has an empty key" },
    };

    [Theory]
    [MemberData(nameof(BadValues))]
    public void Values_no_optimizer_can_use_are_refused(OptimizerSettings optimizer, ParamwiseRules rules, string start)
    {
        var error = Assert.Throws<ParameterGroupException>(() => ParameterGroupTable.Resolve(s_model, optimizer, rules, []));
        Assert.StartsWith(start, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_listed_twice_is_refused_or_bypassed()
    {
        var twice = s_model.Append(s_model[0]).ToList();
        Assert.Contains("listed more than once", Assert.Throws<ParameterGroupException>(
            () => ParameterGroupTable.Resolve(twice, s_optimizer, null, [])).Message, StringComparison.Ordinal);
        var table = ParameterGroupTable.Resolve(twice, s_optimizer, new() { BypassDuplicate = true }, []);
        Assert.Equal(s_model.Count, table.Parameters.Count);
        Assert.Single(table.Warnings);
    }

    [Fact]
    public void Offset_convolutions_follow_their_own_rate_and_no_bias_rule()
    {
        ParameterDescription[] model =
        [
            new("dcn.conv_offset.weight", [27, 8, 3, 3], ParameterKind.Convolution) { IsDeformableOffset = true },
            new("dcn.conv_offset.bias", [27], ParameterKind.Bias, true) { IsDeformableOffset = true, Module = ModuleKind.Convolution },
            new("dcn.bias", [8], ParameterKind.Bias, true) { Module = ModuleKind.Convolution },
        ];
        var rules = new ParamwiseRules { DcnOffsetLrMult = 0.1, BiasLrMult = 2, BiasDecayMult = 0, FlatDecayMult = 0 };
        var table = ParameterGroupTable.Resolve(model, s_optimizer, rules, []);
        Assert.Equal([1e-3 * 0.1, 1e-3 * 0.1, 2e-3], table.Parameters.Select(parameter => parameter.LearningRate));
        Assert.Equal([0.05, 0.05, 0], table.Parameters.Select(parameter => parameter.WeightDecay));
    }

    [Fact]
    public void Groups_are_named_by_key_and_effect_in_order_of_first_appearance()
    {
        var table = Resolve(Keys(new() { BiasDecayMult = 0, BiasLrMult = 2 }, ("encoder.", new() { LrMult = 0.1 }), ("encoder", new() { LrMult = 0.2 })));
        Assert.Equal(["default", "encoder", "default/lr_x2+no_decay"], table.Groups.Select(group => group.Name));
        Assert.Equal(["decoder.fc.bias"], table.Groups[2].Parameters);
        Assert.Equal(2, table.GroupOf("decoder.fc.bias"));
        Assert.Throws<KeyNotFoundException>(() => table.GroupOf("decoder"));
    }

    [Fact]
    public void Two_keys_that_differ_in_a_trailing_dot_get_different_names()
    {
        ParameterDescription[] model = [new("a.b.w", [2], ParameterKind.Other), new("a.bc.w", [2], ParameterKind.Other)];
        var table = ParameterGroupTable.Resolve(model, s_optimizer, Keys(new(), ("a.b.", new() { LrMult = 0.1 }), ("a.b", new() { LrMult = 0.2 })), []);
        Assert.Equal(2, table.Groups.Select(group => group.Name).Distinct().Count());
        Assert.Equal([1e-3 * 0.1, 1e-3 * 0.2], table.Groups.Select(group => group.LearningRate));
    }

    [Fact]
    public void The_reason_names_key_rule_and_factors()
    {
        var table = Resolve(Keys(new() { BiasDecayMult = 0 }, ("encoder.", new() { LrMult = 0.1 })));
        Assert.Equal("custom key 'encoder.': lr 0.001 × 0.1, weight_decay 0.05.", Settings(table, "encoder.conv.bias").Reason);
        Assert.Equal("lr 0.001, weight_decay 0.05 × 0 (bias_decay_mult).", Settings(table, "decoder.fc.bias").Reason);
    }

    [Fact]
    public void The_proof_of_coverage_finds_a_parameter_in_no_group_or_in_two()
    {
        var table = Resolve(null);
        var group = table.Groups[0];
        var without = group with { Parameters = [.. group.Parameters.Skip(1)] };
        Assert.Contains("'scale' is in no group", Assert.Throws<InvalidOperationException>(
            () => ParameterGroupTable.IndexGroups(table.Parameters, [without])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => ParameterGroupTable.IndexGroups(table.Parameters, [group, without with { Name = "again" }]));
        Assert.Throws<InvalidOperationException>(() => ParameterGroupTable.IndexGroups(table.Parameters, [group with { WeightDecay = 1 }]));
    }

    private static ParameterGroupTable Resolve(ParamwiseRules? rules, params string[] frozen) =>
        ParameterGroupTable.Resolve(s_model, s_optimizer, rules, frozen);

    private static ParamwiseRules Keys(ParamwiseRules rules, params (string Key, CustomKeyRule Rule)[] keys) =>
        rules with { CustomKeys = keys.ToDictionary(entry => entry.Key, entry => entry.Rule) };

    private static ParameterSettings Settings(ParameterGroupTable table, string name) =>
        table.Parameters.Single(parameter => parameter.Name == name);

    private static (double LearningRate, double WeightDecay) Values(ParameterGroupTable table, string name) =>
        (Settings(table, name).LearningRate, Settings(table, name).WeightDecay);
}
