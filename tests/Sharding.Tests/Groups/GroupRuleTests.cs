using OrtZero.Onnx;

namespace OrtZero.Sharding.Tests;

/// <summary>The rules MMEngine does not have, on the three-part model; expected values are worked out from names alone.</summary>
public sealed class GroupRuleTests
{
    private const double Rate = 1e-3;
    private const double Decay = 0.05;

    private static readonly IReadOnlyList<ParameterDescription> s_model = Describe();

    [Fact]
    public void Kinds_without_decay_are_norms_biases_and_embeddings_wherever_they_are()
    {
        var table = Resolve(new ParamwiseRules { NoDecayKinds = [ParameterKind.Norm, ParameterKind.Bias, ParameterKind.Embedding] });
        Expect(table, name => Rate, name => IsNorm(name) || name.EndsWith(".bias", StringComparison.Ordinal) || name.Contains("embed_tokens", StringComparison.Ordinal) ? 0 : Decay);
        Assert.Equal("lr 0.001, weight_decay 0.05 × 0 (no_decay_kinds embedding).", Of(table, "language_model.embed_tokens.weight").Reason);
        Assert.Empty(table.Warnings);
    }

    [Fact]
    public void A_kind_without_decay_holds_under_a_custom_key_unless_the_key_sets_the_decay()
    {
        var rules = new ParamwiseRules
        {
            NoDecayKinds = [ParameterKind.Norm],
            CustomKeys = new Dictionary<string, CustomKeyRule>
            {
                ["visual_encoder."] = new() { LrMult = 0.1 }, ["language_model."] = new() { LrMult = 0.5, DecayMult = 0.5 },
            },
        };
        Expect(
            Resolve(rules),
            name => name.StartsWith("visual", StringComparison.Ordinal) ? Rate * 0.1 : name.StartsWith("language", StringComparison.Ordinal) ? Rate * 0.5 : Rate,
            name => name.StartsWith("language", StringComparison.Ordinal) ? Decay * 0.5 : IsNorm(name) ? 0 : Decay);
    }

    [Fact]
    public void Parameters_with_few_axes_have_no_decay()
    {
        var table = Resolve(new ParamwiseRules { NoDecayMaxNdim = 1 });
        Expect(table, name => Rate, name => s_model.Single(parameter => parameter.Name == name).Shape.Length <= 1 ? 0 : Decay);
        Assert.Equal("lr 0.001, weight_decay 0.05 × 0 (no_decay_max_ndim 1).", Of(table, "projector.0.bias").Reason);
    }

    [Fact]
    public void A_glob_covers_the_whole_name()
    {
        var table = Resolve(new ParamwiseRules { Groups = [new GroupRule { Match = "visual_encoder.blocks.?.attn.*", Settings = new() { LrMult = 0.25 } }] });
        Expect(table, name => IsVisualAttention(name) ? Rate * 0.25 : Rate, name => Decay);
        Assert.Equal(
            "group 'visual_encoder.blocks.?.attn.*' (match 'visual_encoder.blocks.?.attn.*'): lr 0.001 × 0.25, weight_decay 0.05.",
            Of(table, "visual_encoder.blocks.1.attn.qkv.bias").Reason);
    }

    [Fact]
    public void A_regular_expression_and_an_absolute_rate()
    {
        var table = Resolve(new ParamwiseRules
        {
            Groups = [new GroupRule { Name = "attention", Regex = @"^visual_encoder\.blocks\.\d+\.attn\.", Settings = new() { Lr = 7e-5, WeightDecay = 0.2 } }],
        });
        Expect(table, name => IsVisualAttention(name) ? 7e-5 : Rate, name => IsVisualAttention(name) ? 0.2 : Decay);
        Assert.Equal(["default", "attention"], table.Groups.Select(group => group.Name));
        Assert.Equal(
            @"group 'attention' (regex '^visual_encoder\.blocks\.\d+\.attn\.'): lr 7E-05 (set by 'attention'), weight_decay 0.2 (set by 'attention').",
            Of(table, "visual_encoder.blocks.0.attn.proj.weight").Reason);
    }

    [Fact]
    public void Selectors_of_one_entry_hold_together_and_the_first_entry_that_fits_wins_over_later_ones_and_custom_keys()
    {
        var table = Resolve(new ParamwiseRules
        {
            Groups =
            [
                new GroupRule { Match = "visual_encoder.", Kinds = [ParameterKind.Bias], Settings = new() { LrMult = 2 } },
                new GroupRule { Match = "visual_encoder.", MaxNdim = 1, Settings = new() { LrMult = 3 } },
            ],
            CustomKeys = new Dictionary<string, CustomKeyRule> { ["visual_encoder."] = new() { LrMult = 0.1 } },
        });
        Assert.Equal(Rate * 2, Of(table, "visual_encoder.patch.bias").LearningRate);
        Assert.Equal(Rate * 2, Of(table, "visual_encoder.norm.bias").LearningRate);
        Assert.Equal(Rate * 3, Of(table, "visual_encoder.norm.weight").LearningRate);
        Assert.Equal(Rate * 0.1, Of(table, "visual_encoder.patch.weight").LearningRate);
        Assert.Equal(Rate, Of(table, "projector.0.bias").LearningRate);
    }

    [Fact]
    public void Options_of_the_optimizer_are_a_groups_own()
    {
        var table = Resolve(new ParamwiseRules
        {
            Groups = [new GroupRule { Match = "projector.", Settings = new() { Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-6 } }],
        });
        var group = table.Groups.Single(group => group.Name == "projector");
        Assert.Equal((0.8, 0.95, 1e-6), (group.Beta1, group.Beta2, group.Epsilon));
        Assert.Equal((0.9, 0.999, 1e-8), (table.Groups[0].Beta1, table.Groups[0].Beta2, table.Groups[0].Epsilon));
    }

    [Fact]
    public void Rates_decay_by_layers_from_the_head_to_the_stem()
    {
        // Two blocks: stem 0.5^3, blocks 0.5^2 and 0.5^1, head 1; the language model is not in scope.
        var table = Resolve(new ParamwiseRules { LayerDecay = [new LayerDecayRule { Rate = 0.5, Prefix = "visual_encoder." }] });
        Expect(
            table,
            name => Rate * (!name.StartsWith("visual_encoder.", StringComparison.Ordinal) || name.Contains("encoder.norm.", StringComparison.Ordinal) ? 1
                : name.Contains("blocks.1.", StringComparison.Ordinal) ? 0.5
                : name.Contains("blocks.0.", StringComparison.Ordinal) ? 0.25
                : 0.125),
            name => Decay);
        Assert.Equal(
            "lr 0.001 × 0.25 (layer_decay, layer 1 of 3), weight_decay 0.05.", Of(table, "visual_encoder.blocks.0.fc1.weight").Reason);
        Assert.Equal(
            ["default", "visual_encoder/layer_0", "visual_encoder/layer_1", "visual_encoder/layer_2", "visual_encoder/layer_3"],
            table.Groups.Select(group => group.Name).Order());
    }

    [Fact]
    public void Layer_decay_multiplies_with_keys_has_a_floor_and_takes_each_part_by_itself()
    {
        var table = Resolve(new ParamwiseRules
        {
            LayerDecay =
            [
                new LayerDecayRule { Rate = 0.1, MinScale = 0.05, Prefix = "visual_encoder." }, new LayerDecayRule { Rate = 0.5, Prefix = "language_model." },
            ],
            CustomKeys = new Dictionary<string, CustomKeyRule> { ["visual_encoder."] = new() { LrMult = 0.1 } },
        });
        Assert.Equal(Rate * 0.1 * 0.05, Of(table, "visual_encoder.patch.weight").LearningRate, 1e-18);
        Assert.Equal(Rate * 0.1 * 0.1, Of(table, "visual_encoder.blocks.1.fc1.weight").LearningRate, 1e-18);
        Assert.Equal(Rate * 0.125, Of(table, "language_model.embed_tokens.weight").LearningRate);
        Assert.Equal(Rate * 0.5, Of(table, "language_model.layers.1.gate.weight").LearningRate);
        Assert.Equal(Rate, Of(table, "language_model.lm_head.weight").LearningRate);
        Assert.Equal(Rate, Of(table, "projector.2.weight").LearningRate);
    }

    public static TheoryData<GroupRule, string> Refused => new()
    {
        { new() { Match = "visual_encodr." }, "(match 'visual_encodr.') matches no parameter. Did you mean 'visual_encoder'" },
        { new() { Match = "*.blocks.7.*" }, "matches no parameter." },
        { new() { Regex = @"^projectr\.\d+" }, "matches no parameter. Did you mean 'projector" },
        { new() { Match = "projector.", Kinds = [ParameterKind.Norm] }, "(match 'projector.', kinds norm) matches no parameter." },
        { new(), "does not say which parameters it takes" },
        { new() { Regex = "(" }, "is not a regular expression" },
        { new() { Regex = "a(?=b)" }, "has a lookaround or backreference" },
        { new() { Match = "projector.", Settings = new() { Lr = -1 } }, "paramwise_cfg.groups[0].lr is -1" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void An_entry_that_cannot_work_is_refused(GroupRule rule, string part)
    {
        var error = Assert.Throws<ParameterGroupException>(() => Resolve(new ParamwiseRules { Groups = [rule] }));
        Assert.StartsWith("paramwise_cfg.groups[0]", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Layer_decay_without_layers_is_refused()
    {
        Assert.Contains("begins no parameter's name. Did you mean 'visual_encoder'", Assert.Throws<ParameterGroupException>(
            () => Resolve(new ParamwiseRules { LayerDecay = [new LayerDecayRule { Rate = 0.5, Prefix = "visual_encodr." }] })).Message, StringComparison.Ordinal);
        Assert.Contains("finds no numbered modules such as 'blocks.0' below 'visual_encoder.patch'", Assert.Throws<ParameterGroupException>(
            () => Resolve(new ParamwiseRules { LayerDecay = [new LayerDecayRule { Rate = 0.5, Prefix = "visual_encoder.patch" }] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_has_no_effect_is_warned_of()
    {
        var table = Resolve(new ParamwiseRules
        {
            NoDecayKinds = [ParameterKind.Convolution],
            Groups = [new GroupRule { Match = "visual_encoder." }, new GroupRule { Match = "visual_encoder.blocks." }],
            CustomKeys = new Dictionary<string, CustomKeyRule> { ["blocks"] = new() { LrMult = 0.1 } },
        });
        Assert.Equal(
            [
                "paramwise_cfg.groups[1] (match 'visual_encoder.blocks.') has no effect: every parameter it matches is taken by an earlier entry, such as paramwise_cfg.groups[0] (match 'visual_encoder.').",
                "paramwise_cfg.no_decay_kinds has convolution, but the model has no parameter of that kind.",
                "The custom key 'blocks' in paramwise_cfg has no effect: every parameter it matches is taken by paramwise_cfg.groups.",
            ],
            table.Warnings);
    }

    private static bool IsVisualAttention(string name) =>
        name.StartsWith("visual_encoder.blocks.", StringComparison.Ordinal) && name.Contains(".attn.", StringComparison.Ordinal);

    private static bool IsNorm(string name) => name.Split('.')[^2] is "norm" or "norm1" or "norm2" or "ln1" or "ln2" or "bn";

    private static void Expect(ParameterGroupTable table, Func<string, double> rate, Func<string, double> decay) => Assert.All(table.Parameters, parameter =>
    {
        Assert.Equal((parameter.Name, rate(parameter.Name), decay(parameter.Name)), (parameter.Name, parameter.LearningRate, parameter.WeightDecay));
        var group = table.Groups[table.GroupOf(parameter.Name)];
        Assert.Equal((parameter.LearningRate, parameter.WeightDecay), (group.LearningRate, group.WeightDecay));
    });

    private static ParameterSettings Of(ParameterGroupTable table, string name) => table.Parameters.Single(parameter => parameter.Name == name);

    private static ParameterGroupTable Resolve(ParamwiseRules rules) =>
        ParameterGroupTable.Resolve(s_model, new OptimizerSettings { LearningRate = Rate, WeightDecay = Decay }, rules, []);

    private static IReadOnlyList<ParameterDescription> Describe()
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm.onnx"));
        var import = ModelImporter.Import(model);
        return ParameterDescription.Describe(model, import.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name));
    }
}
