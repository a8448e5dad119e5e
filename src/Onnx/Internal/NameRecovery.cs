using System.Globalization;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// Gives parameters that an exporter renamed (<c>onnx::MatMul_325</c>) the name they have in the module. The sources, best first:
/// the named bias or weight beside it, then the module path in the name of the node that uses it.
/// </summary>
internal sealed class NameRecovery
{
    private readonly ImportSession _session;
    private readonly GraphIndex _index;
    private readonly List<string> _known;
    private readonly HashSet<string> _normalizedScopes;

    private NameRecovery(ImportSession session)
    {
        _session = session;
        _index = new GraphIndex(session.Graph);
        _known = [.. session.Graph.Initializer.Select(tensor => tensor.Name).Where(name => !GeneratedNames.IsGenerated(name))];
        _normalizedScopes = [.. session.Graph.Node
            .Where(node => node.OpType is "InstanceNormalization" or "LayerNormalization")
            .Select(node => ModuleScope.Of(node, _known) ?? "")];
    }

    public static void Run(ImportSession session)
    {
        if (session.Graph.Initializer.Any(tensor => GeneratedNames.IsGenerated(tensor.Name)))
        {
            new NameRecovery(session).Run();
        }
    }

    private void Run()
    {
        // All names are found before the first change, since the index describes the graph as it is now.
        var found = _session.Graph.Initializer
            .Where(tensor => GeneratedNames.IsGenerated(tensor.Name) && tensor.ElementType().IsFloatingPoint())
            .Select(tensor => (Tensor: tensor, Recovered: Recover(tensor)))
            .Where(pair => pair.Recovered is not null)
            .ToList();
        foreach (var (tensor, recovered) in found)
        {
            Rename(tensor, recovered!);
        }
    }

    private void Rename(TensorProto tensor, RecoveredName recovered)
    {
        var oldName = tensor.Name;
        var origin = _session.OriginOf(oldName);
        var name = _session.Names.Unique(recovered.Name);
        _session.Graph.RenameValue(oldName, name);
        _session.Names.Release(oldName);
        _session.Origins.Remove(oldName);
        _session.Origins[name] = origin;
        var message = $"Parameter '{oldName}' of node {recovered.User.Describe()} is named '{name}'";
        if (name != recovered.Name)
        {
            message += $" because '{recovered.Name}' is taken";
        }

        if (recovered.Transposed)
        {
            _session.Transposed.Add(name);
            message += "; its values lie transposed";
        }

        if (recovered.User.OpType is "LSTM" or "GRU" or "RNN")
        {
            message += "; it holds the gates in ONNX's order and layout";
        }

        var users = _index.Consumers(oldName).Count;
        _session.Messages.Add(message + (users > 1 ? $"; {users} nodes share it, so it stays tied." : "."));
    }

    private RecoveredName? Recover(TensorProto tensor)
    {
        foreach (var node in _index.Consumers(tensor.Name))
        {
            var (user, value, transposed) = SkipViews(node, tensor.Name);
            var input = user.Input.IndexOf(value);
            if (input < 0)
            {
                continue;
            }

            var slot = ParameterSlot.Of(user, input, tensor) ?? AffineSlot(user, input, tensor);
            var scope = ModuleScope.Of(user, _known);
            if (slot is not { } found)
            {
                continue;
            }

            var name = Partner(user, input, found, scope) ?? FromScope(user, scope, found);
            if (name is not null)
            {
                return new RecoveredName(name, user, found.Transposed ^ transposed);
            }
        }

        return null;
    }

    private static string? FromScope(NodeProto user, string? scope, ParameterSlot slot)
    {
        if (string.IsNullOrEmpty(scope))
        {
            return null;
        }

        // Layers of one recurrent module are the nodes LSTM, LSTM_1, LSTM_2, … of its scope.
        var layer = user.OpType is "LSTM" or "GRU" or "RNN" ? $"_l{Number(user.Name)}" : "";
        return $"{scope}.{slot.Suffix}{layer}";
    }

    private static int Number(string nodeName)
    {
        var digits = nodeName[(nodeName.LastIndexOf('_') + 1)..];
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    /// <summary>The node behind a chain of transpositions and casts that only this value goes through.</summary>
    private (NodeProto User, string Value, bool Transposed) SkipViews(NodeProto node, string value)
    {
        var transposed = false;
        while (node.OpType is "Transpose" or "Cast" && _index.Consumers(node.Output[0]) is [var next])
        {
            transposed ^= node.OpType == "Transpose";
            (node, value) = (next, node.Output[0]);
        }

        return (node, value, transposed);
    }

    /// <summary>
    /// The scale and shift that follow a normalization in the same module, and the shift that follows a product.
    /// </summary>
    private ParameterSlot? AffineSlot(NodeProto node, int input, TensorProto tensor)
    {
        if (node.OpType is not ("Mul" or "Add") || node.Input.Count != 2 || tensor.ElementCount() < 2)
        {
            return null;
        }

        if (ModuleScope.Of(node, _known) is { Length: > 0 } scope && _normalizedScopes.Contains(scope))
        {
            return new ParameterSlot(node.OpType == "Mul" ? "weight" : "bias", false);
        }

        return node.OpType == "Add" && tensor.Dims.Count == 1 && _index.Producer(node.Input[1 - input])?.OpType is "MatMul"
            ? new ParameterSlot("bias", false)
            : null;
    }

    /// <summary>
    /// The name that a named neighbour implies: <c>attn.in_proj_bias</c> makes its matrix <c>attn.in_proj_weight</c>. It counts
    /// only if it belongs to the module of the node.
    /// </summary>
    private string? Partner(NodeProto user, int input, ParameterSlot slot, string? scope)
    {
        var (own, other) = slot.Suffix switch
        {
            "weight" => ("weight", "bias"),
            "bias" => ("bias", "weight"),
            _ => ("", ""),
        };
        var neighbour = user.OpType switch
        {
            _ when own.Length == 0 => null,
            "MatMul" when own == "weight" => AddedTo(user.Output[0]),
            "Gemm" or "Conv" or "ConvTranspose" or "LayerNormalization" or "BatchNormalization" => user.InputOrEmpty(3 - input),
            _ => null,
        };
        if (neighbour is null || GeneratedNames.IsGenerated(neighbour) || _index.Initializer(neighbour) is null
            || !neighbour.EndsWith(other, StringComparison.Ordinal) || neighbour == other)
        {
            return null;
        }

        return string.IsNullOrEmpty(scope) || neighbour.StartsWith(scope + ".", StringComparison.Ordinal)
            ? neighbour[..^other.Length] + own
            : null;
    }

    private string? AddedTo(string value) =>
        _index.Consumers(value) is [{ OpType: "Add", Input.Count: 2 } add]
            ? add.Input.FirstOrDefault(input => input != value && _index.Initializer(input) is not null)
            : null;

    private sealed record RecoveredName(string Name, NodeProto User, bool Transposed);
}
