using OrtZero.Sharding;
using OrtZero.Training.Internal;

namespace OrtZero.Training.Tests;

public sealed class GroupAlarmsTests
{
    private readonly GroupAlarms _alarms;
    private readonly List<string> _sentences = [];

    public GroupAlarmsTests()
    {
        var groups = ParameterGroupTable.Resolve(
            [
                new("stem.weight", [4, 4], ParameterKind.Linear), new("stem.bias", [4], ParameterKind.Bias),
                new("head.weight", [100, 4], ParameterKind.Linear), new("head.bias", [100], ParameterKind.Bias),
            ],
            OptimizerSettings.For("AdamW"),
            new ParamwiseRules { CustomKeys = new Dictionary<string, CustomKeyRule> { ["stem."] = new() { LrMult = 0.1 } } },
            []);
        Assert.Equal(["stem", "default"], groups.Groups.Select(group => group.Name));
        _alarms = new GroupAlarms(groups);
    }

    [Fact]
    public void A_run_as_it_should_be_gives_none()
    {
        var random = new Random(1);
        for (var line = 0; line < 200; line++)
        {
            // A warm-up from almost nothing, spikes of ten times the usual, then rates that fall to nothing.
            var rate = line < 30 ? (line + 1e-5) / 30 : (1 + Math.Cos(Math.PI * (line - 30) / 170)) / 2;
            var spike = line % 20 == 7 ? 10 : 1;
            Observe(Group(spike * (0.1 + random.NextDouble()), 0.01 * rate), Group(spike * (0.3 + random.NextDouble()), 0.02 * rate));
        }

        Finish();
        Assert.Empty(_sentences);
    }

    [Fact]
    public void A_group_without_gradient_is_named_once_when_it_happened_twice()
    {
        Observe(Group(0), Group(1));
        Assert.Empty(_sentences);
        Observe(Group(0), Group(1));
        Observe(Group(0), Group(1));
        Finish();

        Assert.Contains("Group 'stem' gets no gradient: it is zero for all its 2 parameters, the first of which is stem.weight.", Assert.Single(_sentences), StringComparison.Ordinal);
        Assert.Contains("or freeze it with model.frozen.", _sentences[0], StringComparison.Ordinal);
    }

    [Fact]
    public void In_a_run_of_one_line_it_is_named_at_the_end()
    {
        Observe(Group(0), Group(1));
        Finish();
        Assert.Contains("Group 'stem' gets no gradient", Assert.Single(_sentences), StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_that_is_silent_only_at_first_is_none()
    {
        Observe(Group(0), Group(1));
        Observe(Group(1), Group(1));
        Observe(Group(0), Group(1));
        Finish();
        Assert.Empty(_sentences);
    }

    [Fact]
    public void A_parameter_without_gradient_in_a_group_that_has_one_is_named()
    {
        for (var line = 0; line < 4; line++)
        {
            Observe([Group(1), Group(1)], silent: ["head.bias"]);
        }

        Assert.StartsWith("A parameter of group 'default' gets no gradient: head.bias. Check that", Assert.Single(_sentences), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_is_named_with_what_to_do()
    {
        Observe(Group(double.NaN), Group(1));
        Observe(Group(double.PositiveInfinity), Group(1));
        Assert.Contains("The gradient of group 'stem' is not finite: lower its lr", Assert.Single(_sentences), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_far_above_what_is_usual_explodes()
    {
        for (var line = 0; line < 6; line++)
        {
            Observe(Group(1), Group(1));
        }

        Observe(Group(150), Group(50));
        Observe(Group(150), Group(50));
        Assert.Contains("The gradient of group 'stem' explodes: its norm is 1.5e+2, where 1e+0 is usual.", Assert.Single(_sentences), StringComparison.Ordinal);
        Assert.Contains("clip_grad.max_norm", _sentences[0], StringComparison.Ordinal);
    }

    [Fact]
    public void An_update_that_changes_the_weights_far_more_than_is_usual_explodes()
    {
        for (var line = 0; line < 6; line++)
        {
            Observe(Group(1, 0.001), Group(1, 0.001));
        }

        Observe(Group(1, 0.3), Group(1, 0.05));
        Assert.Contains("The update of group 'stem' explodes: it changes the weights by 30% of their norm, where 0.1% is usual.", Assert.Single(_sentences), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_of_almost_nothing_beside_other_groups_vanishes()
    {
        for (var line = 0; line < 4; line++)
        {
            Observe(Group(1e-9), Group(1));
        }

        Assert.Contains("The gradient of group 'stem' vanishes: per element it is less than 1e-7 of that of other groups (1e-9 in all)", Assert.Single(_sentences), StringComparison.Ordinal);
    }

    [Fact]
    public void Groups_that_sleep_are_left_alone()
    {
        for (var line = 0; line < 4; line++)
        {
            Observe(null, Group(1));
        }

        Finish();
        Assert.Empty(_sentences);
    }

    private static GroupVitals Group(double gradient, double ratio = 0.001) => new(gradient, 10, ratio, gradient == 0 ? 1 : 0);

    private void Observe(GroupVitals? stem, GroupVitals? rest) => Observe([stem, rest], []);

    private void Observe(GroupVitals?[] vitals, string[] silent) => _sentences.AddRange(_alarms.Observe(
        [.. vitals.Zip(["stem", "default"], (measured, name) => new GroupMetrics(name, 1e-3, 0) { Vitals = measured })], silent));

    private void Finish() => _sentences.AddRange(_alarms.Finish());
}
