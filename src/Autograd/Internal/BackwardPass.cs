using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// Reverse-mode differentiation: walks the forward nodes from last to first and asks the rule of each node between a trainable parameter
/// and the loss for its inputs' gradients. Nodes without a trainable parameter behind them are never visited.
/// </summary>
internal sealed class BackwardPass
{
    private readonly GraphEmitter _graph;
    private readonly GradientRuleSet _rules;
    private readonly NodeProto[] _forward;
    private readonly IReadOnlySet<string> _trainable;
    private readonly HashSet<string> _wanted;
    private readonly GradientStore _store;
    private readonly Func<string, string>? _origin;

    /// <param name="graph">Where the nodes are written.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="forward">The nodes to differentiate, in their order.</param>
    /// <param name="trainable">What to differentiate with respect to.</param>
    /// <param name="origin">In a branch, whose "parameters" are values around it: the parameter behind such a value, for messages.</param>
    public BackwardPass(
        GraphEmitter graph, GradientRuleSet rules, NodeProto[] forward, IReadOnlySet<string> trainable, Func<string, string>? origin = null)
    {
        _origin = origin;
        _graph = graph;
        _rules = rules;
        _forward = forward;
        _trainable = trainable;
        _store = new GradientStore(graph);
        _wanted = WantedValues.Of(graph, rules, forward, trainable);
    }

    /// <summary>The names of all gradients written so far.</summary>
    public IReadOnlySet<string> GradientNames => _store.Names;

    /// <summary>Whether a trainable parameter lies behind the value.</summary>
    public bool IsWanted(string value) => _wanted.Contains(value);

    /// <summary>Writes the backward pass that begins with the gradients of some values.</summary>
    public void Run(IReadOnlyList<(Value Output, Value Gradient)> seeds)
    {
        foreach (var (output, gradient) in seeds)
        {
            _store.Add(output.Name, new Contribution(gradient));
        }

        foreach (var node in _forward.Reverse())
        {
            if (!node.Output.Any(_store.Has) || !_rules.IsDifferentiable(node.Domain, node.OpType)
                || !NodeInputs.Of(node).Any(_wanted.Contains))
            {
                continue;
            }

            if (!_rules.TryGet(node.Domain, node.OpType, out var rule))
            {
                throw new UnsupportedOperatorException(RuleContext.NameOf(node), RuleContext.OperatorOf(node), ParameterBehind(node));
            }

            _graph.Scope = $"{RuleContext.NameOf(node)}_grad";
            rule!(new RuleContext(node, _graph, _store, _wanted, ParameterBehind));
        }
    }

    /// <summary>The finished gradient of a parameter, or <c>null</c> if the loss does not depend on it.</summary>
    public Value? Gradient(Value parameter)
    {
        _graph.Scope = $"{parameter.Name}_grad";
        return _store.Sum(parameter) is { } sum ? _graph.Expand(sum, parameter.Shape) : null;
    }

    private string ParameterBehind(NodeProto node)
    {
        var found = WantedValues.ParameterBehind(_graph, node, _wanted, _trainable);
        return _origin?.Invoke(found) ?? found;
    }
}
