using System.Runtime.InteropServices;
using Google.Protobuf;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>
/// Compares the gradients that a training graph gives with central finite differences of the forward graph, both run by ONNX Runtime.
/// The loss is a sum of all outputs, each element with its own weight, so that no two errors cancel.
/// </summary>
internal static class FiniteDifferences
{
    public static void Check(OperatorCase test)
    {
        var model = Model(test);
        var names = test.Parameters.Select(parameter => parameter.Name).ToArray();
        var loss = new LossOptions { Type = LossType.ModelOutput, Output = "sum" };
        var values = Ort.Probe(model, new Dictionary<string, TensorProto>());
        var builder = new TrainingGraphBuilder(new GradientOptions { FusedKernels = false });
        // The forward pass of evaluation is the model as it stands, so it also judges what training graphs make of operators.
        var evaluation = test.IsTraining ? builder.Build(model, values, loss, names).Model : builder.BuildEvaluation(model, values, loss, names);
        using var forward = Ort.Open(evaluation);
        var expectedLoss = Ort.Run(forward, Feed(test))["loss"][0];
        var numeric = Numeric(test, forward);
        var written = ByteString.Empty;
        foreach (var (fused, target) in (ReadOnlySpan<(bool, OperatorTarget)>)[(true, OperatorTarget.Any), (false, OperatorTarget.Any), (false, OperatorTarget.WebGpu)])
        {
            var graph = new TrainingGraphBuilder(new GradientOptions { FusedKernels = fused, Target = target }).Build(model, values, loss, names);
            var bytes = graph.Model.Proto.ToByteString();
            if (bytes == written)
            {
                // The same graph for WebGPU as for others.
                continue;
            }

            written = bytes;
            using var session = Ort.Open(graph.Model);
            var results = Ort.Run(session, Feed(test));
            var tolerance = test.Type == TensorElementType.Double ? 1e-9 : 1e-4;
            Assert.Equal(expectedLoss, results["loss"][0], tolerance * Math.Max(1, Math.Abs(expectedLoss)));
            foreach (var (name, shape, _) in test.Parameters)
            {
                var actual = results[$"{name}_grad"];
                Assert.Equal(Tensors.Count(shape), actual.Length);
                Compare(numeric[name], actual, test.Type == TensorElementType.Double ? 1e-7 : 2e-3, $"{test.Node.OpType} {name} (fused: {fused}, target: {target})");
            }
        }
    }

    /// <summary>The same for a float64 model whose first output is a sum, at some inputs; returns the gradients.</summary>
    public static Dictionary<string, double[]> Check(
        OnnxModel model, ValueTable values, Dictionary<string, TensorProto> inputs, params string[] names)
    {
        var loss = new LossOptions { Type = LossType.ModelOutput, Output = model.Graph.Output[0].Name };
        var builder = new TrainingGraphBuilder();
        var feed = inputs.Concat(model.Graph.Initializer.Select(tensor => KeyValuePair.Create(tensor.Name, tensor))).ToDictionary(StringComparer.Ordinal);
        using var forward = Ort.Open(builder.BuildEvaluation(model, values, loss, names));
        using var session = Ort.Open(builder.Build(model, values, loss, names).Model);
        var results = Ort.Run(session, feed);
        Assert.Equal(Ort.Run(forward, feed)["loss"][0], results["loss"][0], 1e-9);
        foreach (var name in names)
        {
            var tensor = feed[name];
            var numbers = MemoryMarshal.Cast<byte, double>(tensor.RawBytes()).ToArray();
            var expected = Enumerable.Range(0, numbers.Length).Select(i => (At(i, -2) - (8 * At(i, -1)) + (8 * At(i, 1)) - At(i, 2)) / 12e-3).ToArray();
            Compare(expected, results[$"{name}_grad"], 1e-7, name);

            double At(int index, int steps)
            {
                var moved = (double[])numbers.Clone();
                moved[index] += steps * 1e-3;
                return Ort.Run(forward, new Dictionary<string, TensorProto>(feed) { [name] = Tensors.Of(TensorElementType.Double, tensor.Shape(), moved) })["loss"][0];
            }
        }

        return results;
    }

    private static void Compare(double[] expected, double[] actual, double tolerance, string what)
    {
        var scale = Math.Max(1e-2, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance * scale,
                $"{what}[{i}]: finite difference {expected[i]:g9}, gradient {actual[i]:g9}; all expected: "
                + $"{string.Join(' ', expected.Take(24).Select(value => value.ToString("g5")))}; all actual: "
                + $"{string.Join(' ', actual.Take(24).Select(value => value.ToString("g5")))}");
        }
    }

    /// <summary>Fourth-order central differences.</summary>
    private static Dictionary<string, double[]> Numeric(OperatorCase test, OrtSession session)
    {
        var step = test.Type == TensorElementType.Double ? 1e-3 : 3e-2 * test.StepScale;
        var result = new Dictionary<string, double[]>(StringComparer.Ordinal);
        foreach (var (name, _, values) in test.Parameters)
        {
            var gradient = result[name] = new double[values.Length];
            for (var i = 0; i < values.Length; i++)
            {
                gradient[i] = (At(-2) - (8 * At(-1)) + (8 * At(1)) - At(2)) / (12 * step);

                double At(int steps)
                {
                    var moved = (double[])values.Clone();
                    moved[i] += steps * step;
                    return Ort.Run(session, Feed(test, name, moved))["loss"][0];
                }
            }
        }

        return result;
    }

    private static Dictionary<string, TensorProto> Feed(OperatorCase test, string? changed = null, double[]? values = null) =>
        test.Parameters.Select(parameter => KeyValuePair.Create(
            parameter.Name, Tensors.Of(test.Type, parameter.Shape, parameter.Name == changed ? values! : parameter.Values)))
            .Concat(test.Fixed.Select(tensor => KeyValuePair.Create(tensor.Name, tensor))).ToDictionary(StringComparer.Ordinal);

    /// <summary>The operator, and behind it the weighted sum of everything real that comes out.</summary>
    private static OnnxModel Model(OperatorCase test)
    {
        var bare = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "test" } };
        bare.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = test.Opset });
        if (test.Node.Domain.Length > 0)
        {
            bare.OpsetImport.Add(new OperatorSetIdProto { Domain = test.Node.Domain, Version = 1 });
        }

        var graph = bare.Graph;
        graph.Initializer.AddRange(test.Parameters.Select(parameter => Tensors.Of(test.Type, parameter.Shape, parameter.Values, parameter.Name)));
        graph.Initializer.AddRange(test.Fixed);
        var node = test.Node.Clone();
        node.Output.AddRange(Enumerable.Range(0, test.Outputs + test.UnusedOutputs).Select(i => test.Present?.Contains(i) == false ? "" : $"y{i}"));
        graph.Node.Add(node);
        graph.Output.Add(new ValueInfoProto { Name = "y0" });
        var model = OnnxModel.Parse(Google.Protobuf.MessageExtensions.ToByteArray(bare));
        var values = Ort.Probe(model, new Dictionary<string, TensorProto>());

        graph = model.Graph;
        graph.Output.Clear();
        var sum = "";
        foreach (var output in node.Output.Take(test.Outputs).Where(output => output.Length > 0 && values[output].Type == test.Type))
        {
            var shape = values[output].Shape;
            graph.Initializer.Add(Tensors.Of(test.Type, shape, Tensors.Spread(Tensors.Count(shape), -1.1, 1.9, 77), $"{output}_weight"));
            graph.Node.Add(new NodeProto { OpType = "Mul", Name = $"{output}_mul", Input = { output, $"{output}_weight" }, Output = { $"{output}_weighted" } });
            var reduce = new NodeProto { OpType = "ReduceSum", Name = $"{output}_sum", Input = { $"{output}_weighted" }, Output = { $"{output}_total" } };
            graph.Node.Add(reduce.SetInt("keepdims", 0));
            var total = $"{output}_total";
            if (sum.Length > 0)
            {
                graph.Node.Add(new NodeProto { OpType = "Add", Name = $"{output}_add", Input = { sum, total }, Output = { $"{output}_and_before" } });
                total = $"{output}_and_before";
            }

            sum = total;
        }

        graph.Node.Add(new NodeProto { OpType = "Identity", Name = "last", Input = { sum }, Output = { "sum" } });
        graph.Output.Add(new ValueInfoProto
        {
            Name = "sum",
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)test.Type, Shape = new TensorShapeProto() } },
        });
        return model;
    }
}
