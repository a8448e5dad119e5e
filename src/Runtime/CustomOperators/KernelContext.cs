using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using OrtZero.Onnx;
using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime;

/// <summary>
/// The inputs and outputs of one call of a kernel. Spans are views of ONNX Runtime's memory and end with the call. Nothing
/// here allocates managed memory.
/// </summary>
public readonly unsafe ref struct KernelContext
{
    private readonly KernelState _state;
    private readonly nint _context;

    internal KernelContext(KernelState state, nint context)
    {
        _state = state;
        _context = context;
    }

    /// <summary>The number of inputs of the node, those left out in between included.</summary>
    public int InputCount
    {
        get
        {
            nuint count;
            _state.Api.Check(_state.Api.GetKernelInputCount(_context, &count));
            return (int)count;
        }
    }

    /// <summary>The number of outputs of the node, those left out in between included.</summary>
    public int OutputCount
    {
        get
        {
            nuint count;
            _state.Api.Check(_state.Api.GetKernelOutputCount(_context, &count));
            return (int)count;
        }
    }

    /// <summary>Whether input <paramref name="index"/> is there.</summary>
    public bool HasInput(int index) => index >= 0 && index < InputCount && InputValue(index) != 0;

    /// <summary>Whether the node names output <paramref name="index"/>; only then may it be written.</summary>
    public bool HasOutput(int index) => (uint)index < (uint)_state.HasOutput.Length && _state.HasOutput[index];

    /// <summary>
    /// The elements of an input; as bytes for every type, as <see cref="ushort"/> also for the 16-bit float types.
    /// </summary>
    /// <exception cref="InvalidOperationException">The input was left out, is of another type, or too large for a span.</exception>
    public ReadOnlySpan<T> Input<T>(int index)
        where T : unmanaged
    {
        var value = PresentInput(index);
        var reference = TensorReference.Read(_state.Api, value, index);
        return new ReadOnlySpan<T>(TensorReference.Data(_state.Api, value), Length<T>(reference, "Input", index));
    }

    /// <summary>The lengths of an input's axes, valid during the call.</summary>
    /// <exception cref="InvalidOperationException">The input was left out.</exception>
    public ReadOnlySpan<long> InputShape(int index) => TensorReference.Read(_state.Api, PresentInput(index), index).Shape;

    /// <summary>The element type of an input.</summary>
    /// <exception cref="InvalidOperationException">The input was left out.</exception>
    public TensorElementType InputType(int index) => TensorReference.Read(_state.Api, PresentInput(index), index).Type;

    /// <summary>The address of an input's first element.</summary>
    /// <exception cref="InvalidOperationException">The input was left out.</exception>
    public nint InputAddress(int index) => (nint)TensorReference.Data(_state.Api, PresentInput(index));

    /// <summary>Makes an output of this shape, whose elements are not initialized; fill it during the call.</summary>
    /// <exception cref="InvalidOperationException">The output was left out, is of another type, or too large for a span.</exception>
    public Span<T> Output<T>(int index, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        var value = NewOutput(index, shape);
        var reference = TensorReference.Read(_state.Api, value, InputCount + index);
        return new Span<T>(TensorReference.Data(_state.Api, value), Length<T>(reference, "Output", index));
    }

    /// <summary>Makes an output of this shape and returns the address of its first element.</summary>
    /// <exception cref="InvalidOperationException">The output was left out.</exception>
    public nint OutputAddress(int index, params ReadOnlySpan<long> shape) =>
        (nint)TensorReference.Data(_state.Api, NewOutput(index, shape));

    /// <summary>
    /// Calls <paramref name="body"/> for 0 to <paramref name="count"/> - 1 on the threads of the session and returns when all
    /// are done. The first exception stops the rest and is thrown here. Keep the delegate in a field of the kernel if it
    /// must not be allocated on every call.
    /// </summary>
    public void ParallelFor(int count, KernelBody body)
    {
        ArgumentNullException.ThrowIfNull(body);
        ParallelFor(count, new DelegateBody(body));
    }

    /// <summary>
    /// Calls <paramref name="body"/> for 0 to <paramref name="count"/> - 1 on the threads of the session and returns when all
    /// are done, without allocating. The first exception stops the rest and is thrown here.
    /// </summary>
    public void ParallelFor<TBody>(int count, in TBody body)
        where TBody : struct, IParallelBody, allows ref struct
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count == 0)
        {
            return;
        }

        // Both lie on this stack, which cannot move and stays until every piece is done.
        var local = body;
        if (count == 1)
        {
            local.Invoke(0);
            return;
        }

        var work = new ParallelWork { Invoke = &InvokeBody<TBody>, Body = Unsafe.AsPointer(ref local) };
        _state.Api.Check(_state.Api.ParallelFor(_context, &KernelCallbacks.Piece, (nuint)count, 0, Unsafe.AsPointer(ref work)));
        if (work.Failure is not null)
        {
            ExceptionDispatchInfo.Throw(work.Failure);
        }
    }

    private static void InvokeBody<TBody>(void* body, int index)
        where TBody : struct, IParallelBody, allows ref struct =>
        Unsafe.AsRef<TBody>(body).Invoke(index);

    private nint InputValue(int index)
    {
        nint value;
        _state.Api.Check(_state.Api.GetKernelInput(_context, (nuint)index, &value));
        return value;
    }

    private nint PresentInput(int index)
    {
        var value = (uint)index < (uint)InputCount ? InputValue(index) : 0;
        return value != 0 ? value : throw new InvalidOperationException($"Input {index} of {_state.Description} was left out.");
    }

    private nint NewOutput(int index, ReadOnlySpan<long> shape)
    {
        if (!HasOutput(index))
        {
            throw new InvalidOperationException($"Output {index} of {_state.Description} was left out; ask HasOutput before making it.");
        }

        nint value;
        fixed (long* dimensions = shape)
        {
            _state.Api.Check(_state.Api.GetKernelOutput(_context, (nuint)index, dimensions, (nuint)shape.Length, &value));
        }

        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Length<T>(in TensorReference reference, string what, int index)
        where T : unmanaged
    {
        var length = ElementLayout.Accepts<T>(reference.Type) ? ElementLayout.SpanLength<T>(reference.Type, reference.Count) : -1;
        return (ulong)length <= int.MaxValue ? (int)length : throw Mismatch<T>(reference, what, index);
    }

    private InvalidOperationException Mismatch<T>(in TensorReference reference, string what, int index)
        where T : unmanaged =>
        new(ElementLayout.Accepts<T>(reference.Type)
            ? $"{what} {index} of {_state.Description} has {reference.Count} elements, more than a span holds; use its address."
            : $"{what} {index} of {_state.Description} holds {reference.Type}, not {typeof(T).Name}.");

    private readonly struct DelegateBody(KernelBody body) : IParallelBody
    {
        public void Invoke(int index) => body(index);
    }
}
