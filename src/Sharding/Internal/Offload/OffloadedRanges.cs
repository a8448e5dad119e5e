using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>The ranges of a rank whose optimizer state, or weights, or both are in files, and the buffers through which updates see them.</summary>
internal sealed class OffloadedRanges : IDisposable
{
    private readonly OffloadLayout _layout;
    private readonly SpillFile? _file;
    private readonly OffloadBuffers _buffers;
    private readonly bool _hasWeights;
    private AlignedBuffer? _borrowed;

    /// <param name="layout">The pieces; at least one.</param>
    /// <param name="options">Folders and buffers.</param>
    /// <param name="optimizer">What states begin with.</param>
    /// <param name="parameters">Where the weights are.</param>
    /// <param name="rank">This rank, for error messages.</param>
    public OffloadedRanges(OffloadLayout layout, ZeroOptions options, Optimizer optimizer, ParameterStore parameters, int rank)
    {
        _layout = layout;
        _hasWeights = parameters.IsInFile;
        if (layout.FileElements > 0)
        {
            _file = new SpillFile(options.OptimizerStateFolder!, $"The optimizer state of rank {rank}", "zero_optimization.offload_optimizer", layout.FileElements);
            Initialize(optimizer);
        }

        _buffers = new OffloadBuffers(layout, _file, parameters, options.OffloadBuffers);
        parameters.Changing = _buffers.Forget;
    }

    /// <summary>The bytes of the buffers.</summary>
    public long ByteLength => _buffers.ByteLength + (_borrowed?.ByteLength ?? 0);

    /// <summary>The layout of what would be in files; null where nothing would.</summary>
    /// <param name="options">Folders and buffers.</param>
    /// <param name="optimizer">The states.</param>
    /// <param name="ranges">The ranges of <see cref="OffloadLayout.Cut"/>.</param>
    /// <param name="settings">By parameter.</param>
    /// <param name="plan">The layout.</param>
    public static OffloadLayout? LayoutOf(ZeroOptions options, Optimizer optimizer, ShardRange[] ranges, ParameterSettings[] settings, PartitionPlan plan)
    {
        var layout = new OffloadLayout(
            ranges,
            options.OptimizerStateFolder is null ? 0 : optimizer.StateNames.Count,
            (state, range) => optimizer.HasState(state, settings[range.Parameter]),
            range => options.ParameterFolder is not null && plan.IsGathered(range.Parameter),
            options.OffloadBufferElements);
        return layout.BufferElements > 0 ? layout : null;
    }

    /// <summary>Says which ranges are updated from now on.</summary>
    public void Expect(Func<int, bool> isAwake) => _buffers.Expect(isAwake);

    /// <summary>Brings a range into memory until another is.</summary>
    public void Enter(int range) => _buffers.Enter(range);

    /// <summary>A state of the range that was entered.</summary>
    public Span<float> State(int state, int range) => _buffers.State(state, range);

    /// <summary>The weights of the range that was entered; empty when they are in memory.</summary>
    public Span<float> Weights(int range) => _buffers.Weights(range);

    /// <summary>Ends an update. Weights are in their file then, where gathers look for them; states may still be on their way.</summary>
    public void End()
    {
        if (_hasWeights)
        {
            _buffers.Flush();
        }
        else
        {
            _buffers.End();
        }
    }

    /// <summary>A stretch of a state as it is in the file; until the next is borrowed.</summary>
    public Span<float> Borrow(int state, int parameter, long start, int count)
    {
        if (_borrowed is null || _borrowed.ByteLength < (long)count * sizeof(float))
        {
            _borrowed?.Dispose();
            _borrowed = new AlignedBuffer((long)count * sizeof(float));
        }

        _buffers.Flush();
        var values = _borrowed.Span<float>(0, count);
        foreach (var (offset, from, length) in Stretches(state, parameter, start, count))
        {
            _file!.Read(offset, values.Slice(from, length));
        }

        return values;
    }

    /// <summary>Puts back what was borrowed.</summary>
    public void Return(int state, int parameter, long start, ReadOnlySpan<float> values)
    {
        _buffers.Forget();
        foreach (var (offset, from, length) in Stretches(state, parameter, start, values.Length))
        {
            _file!.Write(offset, values.Slice(from, length));
        }
    }

    public void Dispose()
    {
        _buffers.Dispose();
        _borrowed?.Dispose();
        _file?.Dispose();
    }

    private IEnumerable<(long Offset, int From, int Length)> Stretches(int state, int parameter, long start, int count)
    {
        for (var index = 0; index < _layout.Ranges.Length; index++)
        {
            var range = _layout.Ranges[index];
            var from = Math.Max(start, range.Start);
            var end = Math.Min(start + count, range.Start + range.Length);
            if (range.Parameter == parameter && from < end)
            {
                yield return (FileOffset(state, index) + from - range.Start, (int)(from - start), (int)(end - from));
            }
        }
    }

    private long FileOffset(int state, int range) => _layout.Pieces[_layout.PieceOf[range]].FileOffset + _layout.StateOffset(state, range);

    private void Initialize(Optimizer optimizer)
    {
        for (var state = 0; state < optimizer.StateNames.Count; state++)
        {
            if (optimizer.InitialState(state) is not 0 and var value)
            {
                for (var index = 0; index < _layout.Ranges.Length; index++)
                {
                    if (_layout.StateOffset(state, index) >= 0)
                    {
                        var values = new float[_layout.Ranges[index].Length];
                        values.AsSpan().Fill(value);
                        _file!.Write(FileOffset(state, index), values);
                    }
                }
            }
        }
    }
}
