using OrtZero.Autograd.Internal;
using OrtZero.Onnx;

namespace OrtZero.Autograd.Rules;

/// <summary>Einstein summation.</summary>
internal static class EinsumRules
{
    public static void Register(GradientRuleSet rules) => rules.Add("Einsum", Einsum);

    /// <summary>
    /// The gradient of an operand is the sum of products of dY and all other operands, over the indices that the operand does not have. An
    /// index that only this operand has was summed away, so the gradient does not vary along it.
    /// </summary>
    private static void Einsum(RuleContext context)
    {
        var graph = context.Graph;
        var (operands, result) = Parse(context);
        for (var i = 0; i < operands.Length; i++)
        {
            if (!context.Needs(i))
            {
                continue;
            }

            var own = string.Concat(operands[i].Distinct());
            var lengths = own.Select(index => context.Input(i).Shape[operands[i].IndexOf(index)]).ToArray();
            List<Value> factors = [context.DY];
            List<string> names = [result];
            for (var j = 0; j < operands.Length; j++)
            {
                if (j != i)
                {
                    factors.Add(context.Input(j));
                    names.Add(operands[j]);
                }
            }

            var known = string.Concat(own.Where(index => names.Any(name => name.Contains(index))));
            var shape = known.Select(index => Length(index, names, factors)).ToArray();
            var product = graph.Node(
                "Einsum", factors.ToArray(), context.Y.Type, shape,
                node => node.SetString("equation", $"{string.Join(',', names)}->{known}"));

            // Indices of this operand alone come back with length 1 and are repeated.
            var full = own.Select((index, axis) => known.Contains(index) ? shape[known.IndexOf(index)] : lengths[axis]).ToArray();
            var kept = own.Select(index => known.Contains(index) ? shape[known.IndexOf(index)] : 1).ToArray();
            var gradient = graph.Expand(graph.Reshape(product, kept), full);
            context.Give(i, own.Length == operands[i].Length ? gradient : Diagonal(graph, gradient, own, operands[i]));
        }
    }

    /// <summary>An operand with an index twice is read along its diagonal only, so that is where its gradient lies.</summary>
    private static Value Diagonal(GraphEmitter graph, Value gradient, string own, string operand)
    {
        var spare = new Queue<char>("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".Where(letter => !operand.Contains(letter)));
        List<Value> factors = [gradient];
        List<string> names = [own];
        var result = "";
        foreach (var index in operand)
        {
            if (!result.Contains(index))
            {
                result += index;
                continue;
            }

            var length = gradient.Shape[own.IndexOf(index)];
            var identity = new double[length * length];
            for (var i = 0L; i < length; i++)
            {
                identity[(i * length) + i] = 1;
            }

            var other = spare.Dequeue();
            factors.Add(graph.Reals(gradient.Type, [length, length], identity));
            names.Add($"{index}{other}");
            result += other;
        }

        var shape = operand.Select(index => gradient.Shape[own.IndexOf(index)]).ToArray();
        return graph.Node(
            "Einsum", factors.ToArray(), gradient.Type, shape, node => node.SetString("equation", $"{string.Join(',', names)}->{result}"));
    }

    private static long Length(char index, List<string> names, List<Value> factors)
    {
        var length = 1L;
        for (var i = 0; i < names.Count; i++)
        {
            for (var axis = 0; axis < names[i].Length; axis++)
            {
                if (names[i][axis] == index)
                {
                    length = Math.Max(length, factors[i].Shape[axis]);
                }
            }
        }

        return length;
    }

    /// <summary>The indices of operands and result, the axes behind an ellipsis as letters that the equation does not use.</summary>
    private static (string[] Operands, string Result) Parse(RuleContext context)
    {
        var equation = context.Node.GetString("equation", "").Replace(" ", "", StringComparison.Ordinal);
        var sides = equation.Split("->");
        var operands = sides[0].Split(',');
        var letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".Where(letter => !equation.Contains(letter)).ToArray();
        var longest = 0;
        for (var i = 0; i < operands.Length; i++)
        {
            if (operands[i].Contains("...", StringComparison.Ordinal))
            {
                var hidden = context.Input(i).Shape.Length - (operands[i].Length - 3);
                longest = Math.Max(longest, hidden);
            }
        }

        var batch = new string(letters[..longest]);
        var result = sides.Length > 1
            ? sides[1].Replace("...", batch, StringComparison.Ordinal)
            : batch + string.Concat(sides[0].Where(char.IsLetter).GroupBy(letter => letter).Where(group => group.Count() == 1).Select(group => group.Key).Order());
        for (var i = 0; i < operands.Length; i++)
        {
            var hidden = context.Input(i).Shape.Length - (operands[i].Length - 3);
            operands[i] = operands[i].Contains("...", StringComparison.Ordinal)
                ? operands[i].Replace("...", batch[(longest - hidden)..], StringComparison.Ordinal)
                : operands[i];
        }

        return (operands, result);
    }
}
