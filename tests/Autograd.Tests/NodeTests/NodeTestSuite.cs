using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd.Tests;

/// <summary>Every node test, with its real inputs made into parameters and their gradients compared with finite differences.</summary>
internal static class NodeTestSuite
{
    private static readonly Lazy<IReadOnlyList<NodeTestResult>> s_results = new(RunAll);

    public static IReadOnlyList<NodeTestResult> Results => s_results.Value;

    private static List<NodeTestResult> RunAll()
    {
        var tests = NodeTest.All();
        var results = new NodeTestResult[tests.Count];
        Parallel.For(0, tests.Count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i => results[i] = Run(tests[i]));
        return [.. results];
    }

    private static NodeTestResult Run(NodeTest test)
    {
        var (domain, name) = test.Operator();
        var model = test.Load();
        var tensors = test.Inputs(model.Graph);
        var label = domain.Length == 0 ? name : $"{domain}.{name}";
        if (Exclusions.ByContent(domain, name, model, tensors) is { } reason)
        {
            return new NodeTestResult(test, label, reason, null);
        }

        var parameters = Arrange(model, name, tensors!);
        try
        {
            if (OperatorSetUpgrade.Apply(model) is { } sentence)
            {
                Assert.Contains("operator set", sentence, StringComparison.Ordinal);
            }

            if (parameters.Count == 0)
            {
                return new NodeTestResult(test, label, "its real inputs are empty or settings", null);
            }

            return new NodeTestResult(test, label, null, Disagreement(CheckWhereDefined(model, parameters)));
        }
        catch (UnsupportedOperatorException exception)
        {
            return new NodeTestResult(test, label, Exclusions.WithoutRule(exception), null);
        }
        catch (OrtException exception) when (Exclusions.ByRuntime(exception) is { } why)
        {
            return new NodeTestResult(test, label, why, null);
        }
        catch (OnnxFormatException exception) when (exception.Message.Contains("no later one has", StringComparison.Ordinal))
        {
            return new NodeTestResult(test, label, "the operator's first version, which no later one can express", null);
        }
        catch (Exception exception) when (exception is OrtException or GradientException or OnnxFormatException)
        {
            return new NodeTestResult(test, label, IsEmpty(model) ? "the output is empty" : null, exception.Message);
        }
    }

    /// <summary>
    /// At the edge of where a function is defined there is no finite difference, and beyond it no value; a little inside it there is.
    /// </summary>
    private static GradientCheckReport CheckWhereDefined(OnnxModel model, List<string> parameters)
    {
        try
        {
            var report = Check(model, parameters);
            if (report.Agrees)
            {
                return report;
            }

            Move(model.Graph, parameters, value => value);
        }
        catch (GradientException exception) when (exception.Message.Contains("not all finite", StringComparison.Ordinal))
        {
            Move(model.Graph, parameters, Math.Abs);
        }

        return Check(model, parameters);
    }

    private static GradientCheckReport Check(OnnxModel model, List<string> parameters) => GradientCheck.Run(
        Ort.Environment, model, new Dictionary<string, TensorProto>(), parameters, new GradientCheckOptions { Samples = 24 });

    /// <summary>All inputs become initializers: the real ones are parameters, the others shape what is computed.</summary>
    private static List<string> Arrange(OnnxModel model, string name, TensorProto[] tensors)
    {
        var parameters = new List<string>();
        foreach (var (index, tensor) in tensors.Index())
        {
            if (tensor.ElementType().IsFloatingPoint() && tensor.ElementCount() > 0 && Exclusions.ByInput(name, index, model) is null)
            {
                parameters.Add(tensor.Name);
            }

            if (model.Graph.FindInitializer(tensor.Name) is null)
            {
                model.Graph.Initializer.Add(tensor);
            }
        }

        model.Graph.Input.Clear();
        if (name == "BatchNormalization")
        {
            // Running statistics are carried from run to run; nothing is differentiated through them.
            while (model.Graph.Output.Count > 1)
            {
                model.Graph.Output.RemoveAt(1);
            }
        }

        return parameters;
    }

    private static void Move(GraphProto graph, List<string> parameters, Func<float, float> first)
    {
        for (var i = 0; i < graph.Initializer.Count; i++)
        {
            var tensor = graph.Initializer[i];
            if (parameters.Contains(tensor.Name) && tensor.ElementType() is TensorElementType.Float or TensorElementType.Double)
            {
                var values = tensor.ToSingles();
                graph.Initializer[i] = Tensors.Of(
                    tensor.ElementType(), tensor.Shape(), [.. values.Select((value, k) => first(value) + 0.11 + (0.013 * (k % 7)))], tensor.Name);
            }
        }
    }

    private static bool IsEmpty(OnnxModel model) => model.Graph.Output.All(output => output.Shape()?.Contains(0) == true);

    private static string? Disagreement(GradientCheckReport report)
    {
        var findings = report.Parameters.Where(parameter => !parameter.Agrees).Select(parameter => $"{parameter.Name}: {parameter.Finding}").ToList();
        if (!report.LossAgrees)
        {
            findings.Insert(0, $"loss {report.Loss:g9} in the model, {report.TrainingLoss:g9} in the training graph");
        }

        return findings.Count == 0 ? null : string.Join("; ", findings);
    }
}
