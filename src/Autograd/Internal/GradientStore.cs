
namespace OrtZero.Autograd.Internal;

/// <summary>
/// Collects what the consumers of each value add to its gradient, and sums it in the order in which it came, so that the same model always
/// gives the same graph. Parts that lie side by side (the slices of a fused projection, the halves of a rotary embedding) are joined by
/// one Concat rather than padded and added one by one.
/// </summary>
internal sealed class GradientStore(GraphEmitter graph)
{
    private readonly Dictionary<string, List<Contribution>> _contributions = new(StringComparer.Ordinal);

    /// <summary>Every value that is a gradient or a part of one.</summary>
    public HashSet<string> Names { get; } = new(StringComparer.Ordinal);

    public bool Has(string value) => _contributions.ContainsKey(value);

    public void Add(string value, Contribution contribution)
    {
        if (!_contributions.TryGetValue(value, out var list))
        {
            _contributions[value] = list = [];
        }

        list.Add(contribution);
        Names.Add(contribution.Gradient.Name);
    }

    /// <summary>
    /// The whole gradient of a value, or <c>null</c> if no consumer contributed. Axes along which it does not vary may have length 1.
    /// </summary>
    public Value? Sum(Value value)
    {
        if (!_contributions.TryGetValue(value.Name, out var contributions))
        {
            return null;
        }

        Value? sum = null;
        foreach (var term in contributions.Where(item => item.Axis < 0).Select(item => item.Gradient)
            .Concat(contributions.Where(item => item.Axis >= 0).GroupBy(item => item.Axis).SelectMany(group => Join(value, group.Key, group))))
        {
            sum = sum is null ? term : graph.Add(sum, term);
        }

        _contributions[value.Name] = [new Contribution(sum!)];
        Names.Add(sum!.Name);
        return sum;
    }

    private IEnumerable<Value> Join(Value value, int axis, IEnumerable<Contribution> parts)
    {
        var rows = new List<List<Contribution>>();
        foreach (var part in parts.OrderBy(part => part.Start))
        {
            var row = rows.Find(row => row[^1].Start + row[^1].Gradient.Shape[axis] <= part.Start);
            if (row is null)
            {
                rows.Add(row = []);
            }

            row.Add(part);
        }

        return rows.Select(row => row.Count == 1 ? Padded(value, axis, row[0]) : Joined(value, axis, row));
    }

    private Value Padded(Value value, int axis, Contribution part)
    {
        var before = new long[value.Shape.Length];
        var after = new long[value.Shape.Length];
        before[axis] = part.Start;
        after[axis] = value.Shape[axis] - part.Start - part.Gradient.Shape[axis];
        return graph.Pad(part.Gradient, before, after);
    }

    private Value Joined(Value value, int axis, List<Contribution> parts)
    {
        var pieces = new List<Value>();
        var position = 0L;
        foreach (var part in parts)
        {
            FillTo(part.Start);
            pieces.Add(part.Gradient);
            position += part.Gradient.Shape[axis];
        }

        FillTo(value.Shape[axis]);
        return graph.Concat(pieces, axis);

        void FillTo(long end)
        {
            if (end > position)
            {
                pieces.Add(graph.Filled(value.Type, Shapes.With(value.Shape, axis, end - position), 0));
                position = end;
            }
        }
    }
}
