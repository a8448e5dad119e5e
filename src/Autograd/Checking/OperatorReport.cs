using System.Text.Json;
using OrtZero.Kernels;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;
using OrtZero.Runtime;

namespace OrtZero.Autograd;

/// <summary>Which operators a model has, which of them gradients can pass, and which execution provider runs each.</summary>
public static class OperatorReport
{
    /// <summary>Counts the operators, and asks ONNX Runtime's profile of one run with each provider where their nodes ran.</summary>
    /// <param name="environment">The environment to run in.</param>
    /// <param name="model">The imported model; it is not changed.</param>
    /// <param name="inputs">A tensor for every input of the model.</param>
    /// <param name="trainable">The trainable initializers.</param>
    /// <param name="providers">The providers to try, such as <c>CPU</c> and <c>WebGPU</c>, each with the CPU behind it.</param>
    /// <exception cref="OrtException">A provider cannot be started, or the model does not run.</exception>
    public static IReadOnlyList<OperatorUsage> Create(
        OrtEnvironment environment, OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs, IReadOnlyCollection<string> trainable,
        IReadOnlyList<string> providers)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(trainable);
        ArgumentNullException.ThrowIfNull(providers);
        var named = model.Clone();
        foreach (var (i, node) in named.Graph.Node.Index())
        {
            node.Name = $"node_{i}";
        }

        var placements = providers.ToDictionary(provider => provider, provider => Profile(environment, named, inputs, provider), StringComparer.Ordinal);
        var differentiated = Differentiated(named.Graph, trainable);
        return [.. named.Graph.Node.GroupBy(node => (Domain: node.Domain is "ai.onnx" ? "" : node.Domain, node.OpType))
            .OrderBy(group => group.Key)
            .Select(group => new OperatorUsage(
                group.Key.Domain, group.Key.OpType, group.Count(), group.Count(node => differentiated.Contains(node.Name)), Kind(group.Key.Domain, group.Key.OpType),
                placements.ToDictionary(pair => pair.Key, pair => (IReadOnlyDictionary<string, int>)Count(group, pair.Value), StringComparer.Ordinal)))];
    }

    private static string Kind(string domain, string name)
    {
        var rules = GradientRuleRegistry.Rules;
        return rules.HasRule(domain, name) ? "rule"
            : rules.TryGetLowering(domain, name, out _) ? "formula"
            : rules.IsDifferentiable(domain, name) ? "missing" : "none due";
    }

    private static Dictionary<string, int> Count(IEnumerable<NodeProto> nodes, Dictionary<string, string> ran) =>
        nodes.Where(node => ran.ContainsKey(node.Name)).CountBy(node => ran[node.Name], StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);

    /// <summary>The names of the nodes that a gradient would have to pass.</summary>
    private static HashSet<string> Differentiated(GraphProto graph, IReadOnlyCollection<string> trainable)
    {
        var order = new GraphIndex(graph);
        var nodes = order.TopologicalOrder();
        var behind = trainable.ToHashSet(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (GradientRuleRegistry.Rules.IsDifferentiable(node.Domain, node.OpType) && order.Inputs(node).Any(behind.Contains))
            {
                behind.UnionWith(node.Output);
            }
        }

        var ahead = graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in nodes.Reverse().Where(node => node.Output.Any(ahead.Contains)))
        {
            ahead.UnionWith(order.Inputs(node));
            if (node.Output.Any(behind.Contains))
            {
                found.Add(node.Name);
            }
        }

        return found;
    }

    /// <summary>The provider that ran each node.</summary>
    private static Dictionary<string, string> Profile(
        OrtEnvironment environment, OnnxModel model, IReadOnlyDictionary<string, TensorProto> inputs, string provider)
    {
        var folder = Directory.CreateTempSubdirectory("ortzero-profile-");
        using var kernels = KernelLibrary.CreateDomain(environment);
        var tensors = inputs.ToDictionary(pair => pair.Key, pair => OrtTensor.FromProto(pair.Value), StringComparer.Ordinal);
        try
        {
            // Unoptimized, so that what runs is what the model says.
            using var options = new OrtSessionOptions(environment) { GraphOptimizationLevel = GraphOptimizationLevel.None };
            options.AddCustomOperators(kernels);
            options.AddProvider(provider);
            options.EnableProfiling(Path.Combine(folder.FullName, "run"));
            using var session = OrtSession.Open(environment, model, options);
            foreach (var result in session.Run(tensors))
            {
                result.Dispose();
            }

            return Read(session.EndProfiling());
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            folder.Delete(recursive: true);
        }
    }

    private static Dictionary<string, string> Read(string path)
    {
        const string Ending = "_kernel_time";
        using var profile = JsonDocument.Parse(File.ReadAllBytes(path));
        var ran = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in profile.RootElement.EnumerateArray())
        {
            if (entry.TryGetProperty("args", out var arguments) && arguments.TryGetProperty("provider", out var provider)
                && entry.GetProperty("name").GetString() is { } name && name.EndsWith(Ending, StringComparison.Ordinal)
                && provider.GetString() is { Length: > 0 } text)
            {
                ran[name[..^Ending.Length]] = text.Replace("ExecutionProvider", "", StringComparison.Ordinal);
            }
        }

        return ran;
    }
}
