namespace OrtZero.Autograd.Internal;

/// <summary>
/// Chooses what to compute again so that the estimated peak comes within a budget: first what frees most memory for what it costs. At
/// some places of the forward pass, its bottlenecks, everything that follows depends on one value only (the residual stream between blocks). Some of those
/// values are always kept: computing again begins there, as in Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
/// </summary>
internal sealed class RecomputeBudget
{
    // Values that live through more of the forward pass than this are read everywhere, like attention masks.
    private const double AmbientShare = 0.25;

    private readonly ActivationGraph _graph;
    private readonly long _budget;
    private readonly List<string> _bottlenecks = [];
    private readonly HashSet<string> _ambient = new(StringComparer.Ordinal);
    private readonly ILookup<string, string> _views;
    private readonly long _savedBytes;

    private RecomputeBudget(ActivationGraph graph, long budget)
    {
        _graph = graph;
        _budget = budget;
        _views = graph.Saved.ToLookup(graph.Root, StringComparer.Ordinal);
        _savedBytes = graph.SavedRoots.Sum(graph.SizeOf);
        FindBottlenecks();
    }

    /// <summary>As little as brings the estimated peak within the budget, or what brings it lowest.</summary>
    public static RecomputeChoice Choose(ActivationGraph graph, long budget)
    {
        var search = new RecomputeBudget(graph, budget);
        var best = (Peak: long.MaxValue, Choice: new RecomputeChoice(new HashSet<string>(), _ => true));
        foreach (var segment in (long[])[0, search._savedBytes / 16, search._savedBytes / 8, search._savedBytes / 4])
        {
            var found = search.Within(search.Anchors(segment));
            best = found.Peak < best.Peak ? found : best;
            if (best.Peak <= budget)
            {
                break;
            }
        }

        return best.Choice;
    }

    /// <summary>The bottlenecks to keep, so that no more bytes than this, or than what lies between two of them anyway, are computed again at once.</summary>
    private HashSet<string> Anchors(long segment)
    {
        var positions = _bottlenecks.ToDictionary(value => value, value => _graph.TryProducer(value, out var node) ? node : 0, StringComparer.Ordinal);
        var sizes = new List<long>();
        var previous = -1;
        foreach (var bottleneck in _bottlenecks)
        {
            var (from, to) = (previous, positions[bottleneck]);
            sizes.Add(_graph.SavedRoots.Where(root => _graph.TryProducer(root, out var node) && node > from && node <= to).Sum(_graph.SizeOf));
            previous = to;
        }

        var most = Math.Max(segment, sizes.DefaultIfEmpty(0).Max());
        var anchors = new HashSet<string>(StringComparer.Ordinal);
        var bytes = 0L;
        for (var index = 0; index < _bottlenecks.Count; index++)
        {
            bytes += sizes[index];
            if (index + 1 == _bottlenecks.Count || bytes + sizes[index + 1] > most)
            {
                anchors.Add(_bottlenecks[index]);
                bytes = 0;
            }
        }

        return anchors;
    }

    private (long Peak, RecomputeChoice Choice) Within(HashSet<string> anchors)
    {
        var chosen = new HashSet<string>(StringComparer.Ordinal);
        var cloned = new HashSet<int>();
        var best = (Peak: long.MaxValue, Choice: Choice(chosen, anchors));
        while (true)
        {
            var choice = Choice([.. chosen], anchors);
            var written = new RecomputeWriter(_graph, choice, isFused: true).Write();
            var liveness = Liveness.Of(written.Nodes, name => written.SizeOf(name) ?? _graph.SizeOf(name));
            best = liveness.PeakBytes < best.Peak ? (liveness.PeakBytes, choice) : best;
            var excess = liveness.PeakBytes - _budget;
            var candidates = excess > 0 ? Candidates(chosen, anchors, cloned, liveness) : [];
            if (candidates.Count == 0)
            {
                return best;
            }

            // Enough to make up for what is too much, then the peak is looked for again.
            foreach (var root in candidates)
            {
                cloned.UnionWith(Slice(root, chosen, anchors, cloned));
                chosen.Add(root);
                excess -= _graph.SizeOf(root);
                if (excess <= 0)
                {
                    break;
                }
            }
        }
    }

    private List<string> Candidates(HashSet<string> chosen, HashSet<string> anchors, HashSet<int> cloned, Liveness liveness) =>
    [
        .. _graph.SavedRoots.Where(root => !chosen.Contains(root) && !anchors.Contains(root) && !_ambient.Contains(root)
                && _graph.SizeOf(root) > 0 && _graph.TryProducer(root, out var node) && _graph.CanClone(node) && liveness.IsAcrossPeak(root))
            .OrderByDescending(root => _graph.SizeOf(root) / Slice(root, chosen, anchors, cloned).Sum(node => ComputeCost.Of(_graph, _graph.Nodes[node])))
            .ThenBy(root => root, StringComparer.Ordinal),
    ];

    private RecomputeChoice Choice(HashSet<string> chosen, HashSet<string> anchors) => new(
        chosen.SelectMany(root => _views[root]).ToHashSet(StringComparer.Ordinal), value => IsKept(value, chosen, anchors));

    /// <summary>The memory of a value is kept if any view of it is.</summary>
    private bool IsKept(string value, HashSet<string> chosen, HashSet<string> anchors)
    {
        var root = _graph.Root(value);
        return anchors.Contains(root) || _ambient.Contains(root) || (_graph.SavedRoots.Contains(root) && !chosen.Contains(root));
    }

    /// <summary>The nodes that have to be computed again for a value, beyond those that are anyway.</summary>
    private HashSet<int> Slice(string root, HashSet<string> chosen, HashSet<string> anchors, HashSet<int> cloned)
    {
        var slice = new HashSet<int>();
        var open = new Stack<string>(_views[root]);
        while (open.TryPop(out var value))
        {
            if (!_graph.TryProducer(value, out var node) || cloned.Contains(node) || !_graph.CanClone(node) || !slice.Add(node))
            {
                continue;
            }

            foreach (var input in _graph.Nodes[node].Input.Where(input => _graph.Root(input) == root || !IsKept(input, chosen, anchors)))
            {
                open.Push(input);
            }
        }

        return slice;
    }

    /// <summary>Places of the forward pass that one value alone leads across.</summary>
    private void FindBottlenecks()
    {
        var lives = new Dictionary<string, (int From, int To)>(StringComparer.Ordinal);
        for (var index = 0; index < _graph.Start; index++)
        {
            foreach (var root in NodeInputs.Of(_graph.Nodes[index]).Select(_graph.Root).Where(lives.ContainsKey))
            {
                lives[root] = (lives[root].From, index);
            }

            foreach (var output in _graph.Nodes[index].Output.Where(output => output.Length > 0 && _graph.Root(output) == output && _graph.IsFromData(output)))
            {
                lives[output] = (index, index);
            }
        }

        var alive = new int[_graph.Start + 1];
        foreach (var (name, (from, to)) in lives)
        {
            if (to - from > AmbientShare * _graph.Start)
            {
                _ambient.Add(name);
                continue;
            }

            for (var index = from; index < to; index++)
            {
                alive[index]++;
            }
        }

        foreach (var (name, (from, to)) in lives.Where(pair => !_ambient.Contains(pair.Key) && _graph.SizeOf(pair.Key) > 0).OrderBy(pair => pair.Value.From))
        {
            if (to > from && Enumerable.Range(from, to - from).Any(index => alive[index] == 1))
            {
                _bottlenecks.Add(name);
            }
        }
    }
}
