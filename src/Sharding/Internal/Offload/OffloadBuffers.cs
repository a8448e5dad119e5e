using System.Runtime.ExceptionServices;
using OrtZero.Runtime;

namespace OrtZero.Sharding.Internal;

/// <summary>
/// Buffers through which the pieces of an <see cref="OffloadLayout"/> pass, in a circle: while one is worked on, a thread writes the last
/// one back and reads the next ones.
/// </summary>
/// <remarks>One thread works on pieces; nothing is allocated per piece.</remarks>
internal sealed class OffloadBuffers : IDisposable
{
    private readonly object _gate = new();
    private readonly OffloadLayout _layout;
    private readonly SpillFile? _states;
    private readonly ParameterStore _parameters;
    private readonly Slot[] _slots;
    private readonly bool[] _awake;
    private readonly int[] _queue;
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _failure;
    private int _head;
    private int _queued;
    private int _current = -1;
    private int _position;
    private bool _stopping;

    /// <param name="layout">The pieces; at least one.</param>
    /// <param name="states">The file of states; null when they are in memory.</param>
    /// <param name="parameters">Where weights are kept.</param>
    /// <param name="buffers">How many pieces may be in memory, at least 1.</param>
    public OffloadBuffers(OffloadLayout layout, SpillFile? states, ParameterStore parameters, int buffers)
    {
        _layout = layout;
        _states = states;
        _parameters = parameters;
        _slots = [.. Enumerable.Range(0, Math.Min(buffers, layout.Pieces.Length)).Select(_ => new Slot(layout.BufferElements))];
        _queue = new int[_slots.Length];
        _awake = new bool[layout.Pieces.Length];
        _position = layout.Pieces.Length - 1;
        _thread = new Thread(Loop) { IsBackground = true, Name = "ortzero-offload" };
        _thread.Start();
    }

    private enum SlotState
    {
        Ready,
        Loading,
        Storing,
    }

    /// <summary>The bytes of the buffers.</summary>
    public long ByteLength => _slots.Sum(slot => slot.Memory.ByteLength);

    /// <summary>Says which ranges are worked on from now on; pieces without one are not read ahead.</summary>
    public void Expect(Func<int, bool> isAwake)
    {
        Array.Clear(_awake);
        for (var range = 0; range < _layout.PieceOf.Length; range++)
        {
            _awake[_layout.PieceOf[range]] |= isAwake(range);
        }
    }

    /// <summary>Brings a range into memory, and with it its piece, until another piece is entered.</summary>
    /// <exception cref="ShardingException">A file could not be read or written.</exception>
    public void Enter(int range)
    {
        var piece = _layout.PieceOf[range];
        if (_current >= 0 && _slots[_current].Piece == piece)
        {
            return;
        }

        lock (_gate)
        {
            Leave();
            _position = piece;
            var slot = Find(piece);
            while (slot < 0)
            {
                slot = Victim(ahead: 0);
                if (slot >= 0)
                {
                    Enqueue(slot, piece, SlotState.Loading);
                }
                else
                {
                    Wait();
                }
            }

            // Before it is there, so that nothing else is read into it meanwhile.
            _current = slot;
            while (_slots[slot].State != SlotState.Ready)
            {
                Wait();
            }

            ReadAhead();
        }
    }

    /// <summary>A state of the range that was entered; empty when it has none.</summary>
    public Span<float> State(int state, int range) => Stretch(_layout.StateOffset(state, range), range);

    /// <summary>The weights of the range that was entered; empty when they are in memory.</summary>
    public Span<float> Weights(int range) => Stretch(_layout.WeightOffset(range), range);

    /// <summary>Ends a round: what was worked on last is written back while others go on.</summary>
    public void End()
    {
        lock (_gate)
        {
            Leave();
        }
    }

    /// <summary>Waits until the files hold everything.</summary>
    /// <exception cref="ShardingException">A file could not be read or written.</exception>
    public void Flush()
    {
        lock (_gate)
        {
            Leave();
            while (_queued > 0 || Array.Exists(_slots, static slot => slot.State != SlotState.Ready))
            {
                Wait();
            }

            _failure?.Throw();
        }
    }

    /// <summary>Forgets what is in memory, because the files are about to be changed.</summary>
    public void Forget()
    {
        Flush();
        foreach (var slot in _slots)
        {
            slot.Piece = -1;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
        foreach (var slot in _slots)
        {
            slot.Memory.Dispose();
        }
    }

    private Span<float> Stretch(long offset, int range) => offset < 0 ? default : _slots[_current].Memory.Span<float>(offset, _layout.Ranges[range].Length);

    private void Leave()
    {
        if (_current >= 0)
        {
            Enqueue(_current, _slots[_current].Piece, SlotState.Storing);
            _current = -1;
        }
    }

    private int Find(int piece)
    {
        for (var index = 0; index < _slots.Length; index++)
        {
            if (_slots[index].Piece == piece)
            {
                return index;
            }
        }

        return -1;
    }

    // The buffer whose piece is wanted last, unless it is wanted within so many pieces.
    private int Victim(int ahead)
    {
        var victim = -1;
        var furthest = ahead;
        for (var index = 0; index < _slots.Length; index++)
        {
            if (index == _current || _slots[index].State != SlotState.Ready)
            {
                continue;
            }

            if (_slots[index].Piece < 0)
            {
                return index;
            }

            var distance = (_slots[index].Piece - _position + _layout.Pieces.Length) % _layout.Pieces.Length;
            if (distance == 0)
            {
                // It has been worked on and comes again last of all.
                distance = _layout.Pieces.Length;
            }

            if (distance > furthest)
            {
                (victim, furthest) = (index, distance);
            }
        }

        return victim;
    }

    private void ReadAhead()
    {
        var piece = _position;
        for (var ahead = 1; ahead < _layout.Pieces.Length; ahead++)
        {
            piece = (piece + 1) % _layout.Pieces.Length;
            if (!_awake[piece] || Find(piece) >= 0)
            {
                continue;
            }

            var victim = Victim(ahead);
            if (victim < 0)
            {
                return;
            }

            Enqueue(victim, piece, SlotState.Loading);
        }
    }

    private void Enqueue(int slot, int piece, SlotState work)
    {
        _slots[slot].Piece = piece;
        _slots[slot].State = work;
        _queue[(_head + _queued++) % _queue.Length] = slot;
        Monitor.PulseAll(_gate);
    }

    private void Wait()
    {
        _failure?.Throw();
        Monitor.Wait(_gate);
        _failure?.Throw();
    }

    private void Loop()
    {
        while (true)
        {
            Slot slot;
            lock (_gate)
            {
                while (!_stopping && _queued == 0)
                {
                    Monitor.Wait(_gate);
                }

                if (_stopping)
                {
                    return;
                }

                slot = _slots[_queue[_head]];
                _head = (_head + 1) % _queue.Length;
                _queued--;
            }

            try
            {
                Move(slot);
            }
            catch (Exception exception)
            {
                lock (_gate)
                {
                    _failure = ExceptionDispatchInfo.Capture(exception);
                    Monitor.PulseAll(_gate);
                }

                return;
            }

            lock (_gate)
            {
                slot.State = SlotState.Ready;
                ReadAhead();
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void Move(Slot slot)
    {
        var piece = _layout.Pieces[slot.Piece];
        var states = slot.Memory.Span<float>(0, (int)piece.StateElements);
        var load = slot.State == SlotState.Loading;
        if (states.Length > 0 && load)
        {
            _states!.Read(piece.FileOffset, states);
        }
        else if (states.Length > 0)
        {
            _states!.Write(piece.FileOffset, states);
        }

        for (var range = piece.First; range <= piece.Last; range++)
        {
            if (_layout.WeightOffset(range) is >= 0 and var offset)
            {
                var weights = slot.Memory.Span<float>(offset, _layout.Ranges[range].Length);
                if (load)
                {
                    _parameters.Read(_layout.Ranges[range].FlatOffset, weights);
                }
                else
                {
                    _parameters.WriteBack(_layout.Ranges[range].FlatOffset, weights);
                }
            }
        }
    }

    private sealed class Slot(long elements)
    {
        public AlignedBuffer Memory { get; } = new(elements * sizeof(float));

        public int Piece { get; set; } = -1;

        public SlotState State { get; set; }
    }
}
