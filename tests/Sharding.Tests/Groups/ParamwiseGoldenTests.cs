using OrtZero.Onnx;

namespace OrtZero.Sharding.Tests;

public sealed class ParamwiseGoldenTests
{
    private static readonly Lazy<IReadOnlyList<ParameterDescription>> s_vlm = new(ParamwiseGolden.Vlm);

    private static readonly Lazy<IReadOnlyList<ParameterDescription>> s_folded = new(() =>
    {
        var model = OnnxModel.Load(RepositoryPaths.Fixture("vlm", "vlm_default_export.onnx"));
        var report = ModelImporter.Import(model);
        return ParameterDescription.Describe(model, report.Parameters.Where(parameter => parameter.Trainable).Select(parameter => parameter.Name));
    });

    public static TheoryData<string> Cases => [.. ParamwiseGolden.Names];

    [Fact]
    public void No_case_of_the_golden_file_is_left_out() => Assert.Equal(ParamwiseGolden.Names, ParamwiseGolden.NamesInFile);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_parameter_of_the_plain_export_has_MMEngines_settings(string name)
    {
        var table = Resolve(name, s_vlm.Value);
        var expected = ParamwiseGolden.Case(name).GetProperty("expected");
        Assert.Equal(
            expected.EnumerateObject().Select(parameter => parameter.Name).Order(StringComparer.Ordinal),
            table.Parameters.Select(parameter => parameter.Name).Order(StringComparer.Ordinal));
        AssertSettings(name, table);
    }

    // Folding merged the batch normalization into the convolution before it; the other parameters are all there.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_parameter_of_the_folded_export_has_MMEngines_settings(string name)
    {
        var table = Resolve(name, s_folded.Value);
        Assert.Equal(53, table.Parameters.Count);
        AssertSettings(name, table);
    }

    private static ParameterGroupTable Resolve(string name, IReadOnlyList<ParameterDescription> parameters)
    {
        var entry = ParamwiseGolden.Case(name);
        return ParameterGroupTable.Resolve(parameters, ParamwiseGolden.Optimizer(entry), ParamwiseGolden.Rules(entry), []);
    }

    private static void AssertSettings(string name, ParameterGroupTable table)
    {
        var expected = ParamwiseGolden.Case(name).GetProperty("expected");
        foreach (var parameter in table.Parameters)
        {
            var golden = expected.GetProperty(parameter.Name);
            var betas = golden.GetProperty("betas");
            Assert.Equal(
                (parameter.Name, golden.GetProperty("lr").GetDouble(), golden.GetProperty("weight_decay").GetDouble(), betas[0].GetDouble(), betas[1].GetDouble()),
                (parameter.Name, parameter.LearningRate, parameter.WeightDecay, parameter.Beta1, parameter.Beta2));
            var group = table.Groups[table.GroupOf(parameter.Name)];
            Assert.Equal((parameter.LearningRate, parameter.WeightDecay), (group.LearningRate, group.WeightDecay));
        }
    }
}
