using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Internal;

/// <summary>
/// When the values between nodes take the most memory, if nodes run in the order of the list and each value is freed after the last node that
/// reads it or a view of it. Graph inputs and initializers do not count.
/// </summary>
internal sealed class Liveness
{
    private readonly Dictionary<string, (int From, int To)> _lives;

    private Liveness(Dictionary<string, (int From, int To)> lives, int peak, long peakBytes)
    {
        _lives = lives;
        Peak = peak;
        PeakBytes = peakBytes;
    }

    /// <summary>The index of the node at which most memory is in use.</summary>
    public int Peak { get; }

    /// <summary>The bytes in use there.</summary>
    public long PeakBytes { get; }

    /// <summary>Whether a value that is no view is held from before the peak until after it.</summary>
    public bool IsAcrossPeak(string value) => _lives.TryGetValue(value, out var life) && life.From < Peak && life.To > Peak;

    public static Liveness Of(IReadOnlyList<NodeProto> nodes, Func<string, long> sizeOf)
    {
        var roots = new Dictionary<string, string>(StringComparer.Ordinal);
        var lives = new Dictionary<string, (int From, int To)>(StringComparer.Ordinal);
        for (var index = 0; index < nodes.Count; index++)
        {
            var node = nodes[index];
            foreach (var input in NodeInputs.Of(node))
            {
                if (roots.TryGetValue(input, out var root))
                {
                    lives[root] = (lives[root].From, index);
                }
            }

            foreach (var output in node.Output.Where(output => output.Length > 0))
            {
                var isView = ActivationGraph.IsView(node);
                if (!isView || !roots.TryGetValue(node.Input[0], out var viewed))
                {
                    // A view of a graph input or initializer takes nothing.
                    if (isView)
                    {
                        continue;
                    }

                    viewed = output;
                    lives[output] = (index, index);
                }

                roots[output] = viewed;
            }
        }

        var change = new long[nodes.Count + 1];
        foreach (var (name, (from, to)) in lives)
        {
            var bytes = sizeOf(name);
            change[from] += bytes;
            change[to + 1] -= bytes;
        }

        var (bytesNow, peak, peakBytes) = (0L, 0, 0L);
        for (var index = 0; index < nodes.Count; index++)
        {
            bytesNow += change[index];
            if (bytesNow > peakBytes)
            {
                (peak, peakBytes) = (index, bytesNow);
            }
        }

        return new Liveness(lives, peak, peakBytes);
    }
}
