using OrtZero.Onnx;

namespace OrtZero.Runtime.Tests;

/// <summary>Opens sessions with custom operators, and runs models with the one input x.</summary>
internal static class CustomSessions
{
    public static float[] Run(OrtSession session, float[] values)
    {
        using var x = OrtTensor.FromSingles(values, values.Length);
        using var y = session.Run(new Dictionary<string, OrtTensor> { ["x"] = x }, [session.Outputs[0].Name]).Single();
        return y.Span<float>().ToArray();
    }

    public static OrtSession Open(OrtEnvironment environment, OnnxModel model, CustomOperator customOperator, int threads = 2) =>
        Open(environment, model, [customOperator], threads);

    /// <summary>The session is all that keeps domain and options alive afterwards.</summary>
    public static OrtSession Open(
        OrtEnvironment environment,
        OnnxModel model,
        CustomOperator[] operators,
        int threads = 2,
        GraphOptimizationLevel level = GraphOptimizationLevel.All)
    {
        using var domain = new CustomOperatorDomain(environment, TestModels.Domain);
        foreach (var item in operators)
        {
            domain.Add(item);
        }

        using var options = new OrtSessionOptions(environment) { IntraOpThreads = threads, GraphOptimizationLevel = level };
        options.AddCustomOperators(domain);
        return OrtSession.Open(environment, model, options);
    }
}
