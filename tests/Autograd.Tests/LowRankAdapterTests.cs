using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Adapters beside every form of a product: their gradients, and the same products from merged weights.</summary>
public sealed class LowRankAdapterTests
{
    private const int Rank = 2;
    private static readonly Dictionary<string, TensorProto> s_nothing = new(StringComparer.Ordinal);

    public static TheoryData<string> Forms() => ["right", "right_turned", "right_batched", "right_vector", "left", "left_batched", "gemm", "gemm_turned", "gemm_columns", "shared"];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Gradients_of_both_matrices_are_those_of_finite_differences(string form)
    {
        var (model, adapter) = Adapted(Sketch(form));

        var report = GradientCheck.Run(Ort.Environment, model, s_nothing, [adapter.A, adapter.B], new GradientCheckOptions { Samples = 10 });

        Assert.True(report.IsDouble);
        Assert.True(report.Agrees, string.Join("; ", report.Parameters.Select(parameter => $"{parameter.Name}: {parameter.Deviation}")));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Merged_weights_give_what_base_and_adapter_give(string form)
    {
        var forward = Sketch(form);
        var before = Outputs(forward);
        var (model, adapter) = Adapted(forward, start: false);
        Assert.Equal(before, Outputs(model));
        Assert.Contains(model.Graph.Node, node => node.Name.Contains("lora_A", StringComparison.Ordinal));

        var (trained, _) = Adapted(forward);
        var merged = forward.Clone();
        LowRankAdapters.Merge(merged, [adapter], name => trained.Graph.FindInitializer(name)!.ToSingles());

        var expected = Outputs(trained);
        Assert.NotEqual(before, expected);
        Assert.All(Outputs(merged).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-6 * Math.Max(1, Math.Abs(pair.Second))));
        Assert.Equal(forward.Graph.Node, merged.Graph.Node);
        Assert.Equal(forward.Graph.Initializer.Select(tensor => tensor.Name), merged.Graph.Initializer.Select(tensor => tensor.Name));
    }

    [Fact]
    public void A_merged_element_is_summed_in_float64_and_rounded_once()
    {
        foreach (var isTransposed in (bool[])[false, true])
        {
            var adapter = Adapter(inputs: 37, outputs: 23, isTransposed) with { Rank = 5, Scale = 0.3 };
            var (weight, a, b) = (Floats(37 * 23, 1), Floats(5 * 37, 2), Floats(23 * 5, 3));

            var merged = adapter.Merge(weight, a, b);

            for (var output = 0; output < 23; output++)
            {
                for (var input = 0; input < 37; input++)
                {
                    var sum = 0.0;
                    for (var k = 0; k < 5; k++)
                    {
                        sum += (double)b[(output * 5) + k] * a[(k * 37) + input];
                    }

                    var place = isTransposed ? (input * 23) + output : (output * 37) + input;
                    Assert.Equal((float)(weight[place] + (0.3 * sum)), merged[place]);
                }
            }
        }
    }

    [Theory]
    [InlineData("gathered", "is read by 'Gather_rows' (Gather), and only weights that nothing but MatMul and Gemm multiplies by have adapters")]
    [InlineData("added", "is read by 'Add_y' (Add), and only")]
    [InlineData("cube", "has 3 axes, and only matrices have adapters")]
    [InlineData("both_ways", "is multiplied by as it is at 'MatMul_h' (MatMul) and transposed at 'MatMul_y' (MatMul)")]
    [InlineData("squared", "is read by 'MatMul_y' (MatMul), and only")]
    [InlineData("given_out", "is an output of the model")]
    [InlineData("unused", "is read by no MatMul or Gemm")]
    public void What_cannot_have_an_adapter_is_told_with_the_reason(string form, string reason)
    {
        var sites = AdapterSites.Find(Unfit(form).Graph, ["w"]);

        Assert.Empty(sites.Adaptable);
        Assert.StartsWith(reason, sites.Reasons["w"], StringComparison.Ordinal);
    }

    [Fact]
    public void The_output_layer_and_biases_are_found_through_what_only_moves_elements()
    {
        var model = Base().Parameter("w", [4, 4], Tensors.Spread(16, -1, 1, 1)).Parameter("bias", [4], 1, 2, 3, 4).Parameter("head", [4, 4], Tensors.Spread(16, -1, 1, 2))
            .Parameter("shift", [4], 1, 2, 3, 4).Integers("shape", 12)
            .Node("MatMul", "x w", "h").Node("Add", "bias h", "k").Node("Add", "k x", "residual").Node("Gemm", "residual head shift", "z")
            .Node("Reshape", "z shape", "y").Output("y", 12);

        var sites = AdapterSites.Find(model.Graph, ["w", "head"]);

        Assert.Equal([("w", false, "bias"), ("head", true, "shift")], sites.Adaptable.Select(weight => (weight.Name, weight.IsOutputLayer, weight.Biases.Single())));
    }

    [Fact]
    public void What_drops_before_an_adapter_is_its_own()
    {
        var forward = Sketch("right");
        var model = forward.Clone();
        var sites = AdapterSites.Find(model.Graph, ["w"]);
        var adapter = Adapter(sites.Adaptable[0]) with { Dropout = 0.5 };
        var dropouts = LowRankAdapters.Insert(model, sites, [(adapter, Floats(Rank * 4, 5))]);
        model.Graph.SetInitializer(TensorFactory.FromSingles(adapter.B, [5, Rank], Floats(Rank * 5, 6)));
        var values = Ort.Probe(model, s_nothing);
        var loss = new LossOptions { Type = LossType.ModelOutput, Output = "sum" };

        var kept = Assert.Single(Built(new DropoutOptions { IsOn = false, Own = dropouts }));
        Assert.Equal(0.5, kept.GetFloat("ratio", 0));
        Assert.Empty(Built(new DropoutOptions { IsOn = false }));
        Assert.Equal(0.5, Assert.Single(Built(new DropoutOptions { IsOn = true, Rate = 0.1, Own = dropouts })).GetFloat("ratio", 0));
        // What is evaluated drops nothing.
        Assert.DoesNotContain(
            new TrainingGraphBuilder().BuildEvaluation(model, values, loss, [adapter.A, adapter.B]).Graph.Node, node => node.OpType == "Dropout" && node.Input.Count > 2);

        List<NodeProto> Built(DropoutOptions options) =>
            [.. new TrainingGraphBuilder(new GradientOptions { Dropout = options }).Build(model, values, loss, [adapter.B]).Model.Graph.Node
                .Where(node => node.OpType == DropoutTests.Operator && node.Input[0] == "x")];
    }

    private static (OnnxModel Model, LowRankAdapter Adapter) Adapted(OnnxModel forward, bool start = true)
    {
        var model = forward.Clone();
        var sites = AdapterSites.Find(model.Graph, ["w"]);
        Assert.Empty(sites.Reasons);
        var weight = sites.Adaptable.Single();
        Assert.Equal((4, 5), (weight.Inputs, weight.Outputs));
        var adapter = Adapter(weight);
        Assert.Empty(LowRankAdapters.Insert(model, sites, [(adapter, Floats(Rank * 4, 5))]));
        if (start)
        {
            model.Graph.SetInitializer(TensorFactory.FromSingles(adapter.B, [5, Rank], Floats(5 * Rank, 6)));
        }

        return (model, adapter);
    }

    private static LowRankAdapter Adapter(AdaptableWeight weight) => Adapter(weight.Inputs, weight.Outputs, weight.IsTransposed);

    private static LowRankAdapter Adapter(long inputs, long outputs, bool isTransposed) => new()
    {
        Weight = "w", Module = "w", A = "w.lora_A.weight", B = "w.lora_B.weight", Inputs = inputs, Outputs = outputs, Rank = Rank, Alpha = 3, Scale = 1.5,
        IsTransposed = isTransposed,
    };

    private static double[] Outputs(OnnxModel model)
    {
        using var session = Ort.Open(model, Runtime.GraphOptimizationLevel.None);
        return Ort.Run(session, s_nothing)["y"];
    }

    // Four numbers come in, five come out; x is made of constants, so that a model needs no inputs.
    private static OnnxModel Sketch(string form)
    {
        var stored = form is "right_turned" or "left" or "left_batched" or "gemm_turned" ? (long[])[5, 4] : [4, 5];
        var x = form switch { "right_batched" => (long[])[2, 3, 4], "right_vector" => [4], "left" => [4, 3], "left_batched" => [2, 4, 3], "gemm_columns" => [4, 3], _ => [3, 4] };
        var sketch = new GraphSketch().Parameter("w", stored, Tensors.Spread(20, -1, 1, 7)).Parameter("x", x, Tensors.Spread(Tensors.Count(x), -1, 1, 8))
            .Parameter("c", [5], Tensors.Spread(5, -1, 1, 9));
        sketch = form switch
        {
            "right_turned" => sketch.Node("Identity", "w", "v").Node("Transpose", "v", "t").Node("MatMul", "x t", "y"),
            "left" or "left_batched" => sketch.Node("MatMul", "w x", "y"),
            "gemm" => sketch.Node("Gemm", "x w c", "y", node => node.SetFloat("alpha", 0.5f).SetFloat("beta", 2)),
            "gemm_turned" => sketch.Node("Gemm", "x w c", "y", node => node.SetInt("transB", 1)),
            "gemm_columns" => sketch.Node("Gemm", "x w c", "y", node => node.SetInt("transA", 1).SetFloat("alpha", -2)),
            "shared" => sketch.Node("MatMul", "x w", "h").Node("Sin", "x", "s").Node("Gemm", "s w c", "g").Node("Mul", "h g", "y"),
            _ => sketch.Node("MatMul", "x w", "y"),
        };
        var model = sketch.Node("Sin", "y", "wave").Loss("wave");
        model.Graph.Output.Add(new ValueInfoProto
        {
            Name = "y", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorElementType.Float } },
        });
        return model;
    }

    private static GraphSketch Base() => new GraphSketch().Parameter("x", [3, 4], Tensors.Spread(12, -1, 1, 8));

    private static OnnxModel Unfit(string form)
    {
        var sketch = form == "cube" ? Base().Parameter("w", [2, 4, 4], Tensors.Spread(32, -1, 1, 7)) : Base().Parameter("w", [4, 4], Tensors.Spread(16, -1, 1, 7));
        return form switch
        {
            "gathered" => sketch.Integers("i", 0, 2).Node("Gather", "w i", "rows").Node("MatMul", "x w", "h").Node("Add", "h h", "y").Output("y", 3, 4),
            "added" => sketch.Node("Add", "w w", "y").Output("y", 4, 4),
            "cube" => sketch.Node("MatMul", "x w", "y").Output("y", 2, 3, 4),
            "both_ways" => sketch.Node("MatMul", "x w", "h").Node("Transpose", "w", "t").Node("MatMul", "h t", "y").Output("y", 3, 4),
            "squared" => sketch.Node("MatMul", "w w", "y").Output("y", 4, 4),
            "given_out" => sketch.Node("MatMul", "x w", "y").Output("w", 4, 4),
            _ => sketch.Node("Sin", "x", "y").Output("y", 3, 4),
        };
    }

    private static float[] Floats(int count, int seed) => Array.ConvertAll(Tensors.Spread(count, -1, 1, seed), value => (float)value);
}
