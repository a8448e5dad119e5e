using OrtZero.Onnx;

namespace OrtZero.Autograd.Internal;

/// <summary>Operators that move data or reduce it. Moves that cancel are never written.</summary>
internal sealed partial class GraphEmitter
{
    /// <summary>The same elements in another shape; free at run time.</summary>
    public Value Reshape(Value x, params long[] shape)
    {
        var source = Producer(x.Name) is { OpType: "Reshape" or "Squeeze" or "Unsqueeze" or "Flatten", Domain: "" } node
            && _values.TryGet(node.Input[0], out var before) ? before : x;
        return Shapes.Same(source.Shape, shape)
            ? source
            : Node("Reshape", [source, Integers(shape)], x.Type, shape);
    }

    public Value Transpose(Value x, params long[] permutation)
    {
        if (IsOrdered(x.Shape, permutation))
        {
            return Reshape(x, Shapes.Permuted(x.Shape, permutation));
        }

        var producer = Producer(x.Name);
        if (producer is { OpType: "Transpose", Domain: "" } && _values.TryGet(producer.Input[0], out var source))
        {
            var first = Permutation(producer, source.Shape.Length);
            return Transpose(source, Array.ConvertAll(permutation, axis => first[axis]));
        }

        if (permutation is [1, 0] && producer is { OpType: "Gemm", Input.Count: 2 } or { OpType: "MatMul", Domain: "" }
            && TransposedProduct(producer) is { } product)
        {
            return product;
        }

        return Node("Transpose", [x], x.Type, Shapes.Permuted(x.Shape, permutation), node => node.SetInts("perm", permutation));
    }

    /// <summary>Sums over axes (0 and up).</summary>
    public Value ReduceSum(Value x, ReadOnlySpan<long> axes, bool keep = true)
    {
        if (axes.IsEmpty)
        {
            return x;
        }

        var shape = Shapes.Reduced(x.Shape, axes, keep);
        if (_centered.Contains(x.Name) && axes.Length == x.Shape.Length - 1 && !axes.Contains(1))
        {
            return Filled(x.Type, shape, 0);
        }

        foreach (var axis in axes)
        {
            if (x.Shape[axis] != 1)
            {
                return Node("ReduceSum", [x, Integers(axes)], x.Type, shape, node => node.SetInt("keepdims", keep ? 1 : 0));
            }
        }

        return Reshape(x, shape);
    }

    /// <summary>Maximum over one axis, which is kept with length 1.</summary>
    public Value ReduceMax(Value x, int axis)
    {
        var shape = Shapes.With(x.Shape, axis, 1);
        return Opset < 18
            ? Node("ReduceMax", [x], x.Type, shape, node => node.SetInts("axes", axis))
            : Node("ReduceMax", [x, Integers(axis)], x.Type, shape);
    }

    /// <summary>Undoes broadcasting: sums over the axes along which <paramref name="shape"/> was repeated.</summary>
    public Value SumTo(Value x, long[] shape)
    {
        if (Shapes.Same(x.Shape, shape))
        {
            return x;
        }

        var axes = Shapes.BroadcastAxes(x.Shape, shape);
        if (axes.Length > 1 && axes.Length == axes[^1] + 1)
        {
            // Leading axes: one axis of all rows is what ONNX Runtime's fast reduction takes.
            x = Reshape(x, [Shapes.Count(x.Shape.AsSpan(0, axes.Length)), .. x.Shape.AsSpan(axes.Length)]);
            axes = [0];
        }

        return Reshape(ReduceSum(x, axes, keep: false), shape);
    }

    /// <summary>Repeats a value along the axes where its length is 1 or that it does not have.</summary>
    public Value Expand(Value x, long[] shape)
    {
        // Where only the run knows a length, the value has it, and 1 asks for nothing more.
        return Shapes.Same(x.Shape, shape) ? x : Node("Expand", [x, Integers(Array.ConvertAll(shape, length => Math.Abs(length)))], x.Type, shape);
    }

    /// <summary>Elements <paramref name="start"/> up to <paramref name="end"/> of one axis.</summary>
    public Value Slice(Value x, int axis, long start, long end) =>
        start == 0 && end == x.Shape[axis]
            ? x
            : Node("Slice", [x, Integers(start), Integers(end), Integers(axis)], x.Type, Shapes.With(x.Shape, axis, end - start));

    /// <summary>Puts zeros around a value.</summary>
    public Value Pad(Value x, long[] before, long[] after)
    {
        if (before.All(count => count == 0) && after.All(count => count == 0))
        {
            return x;
        }

        var shape = new long[x.Shape.Length];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = before[axis] + x.Shape[axis] + after[axis];
        }

        return Node("Pad", [x, Integers([.. before, .. after]), Scalar(x.Type, 0)], x.Type, shape);
    }

    public Value Concat(IReadOnlyList<Value> parts, int axis) => parts.Count == 1
        ? parts[0]
        : Node(
            "Concat", parts.ToArray(), parts[0].Type, Shapes.With(parts[0].Shape, axis, parts.Sum(part => part.Shape[axis])),
            node => node.SetInt("axis", axis));

    public Value Gather(Value x, Value indices, int axis) =>
        Node(
            "Gather", [x, indices], x.Type, [.. x.Shape.AsSpan(0, axis), .. indices.Shape, .. x.Shape.AsSpan(axis + 1)],
            node => node.SetInt("axis", axis));

    public Value GatherElements(Value x, Value indices, int axis) =>
        Node("GatherElements", [x, indices], x.Type, indices.Shape, node => node.SetInt("axis", axis));

    /// <summary>
    /// Adds updates onto zeros of the given shape. ScatterElements works on the columns across <paramref name="axis"/> in parallel and
    /// down each of them in order; ScatterND with add has a data race on the CPU and is never written.
    /// </summary>
    public Value ScatterAdd(long[] shape, Value indices, Value updates, int axis)
    {
        return Scatter(Filled(updates.Type, shape, 0), indices, updates, axis, "add");
    }

    /// <summary>Writes updates into a value along an axis, by a reduction (none, add, mul, max, min).</summary>
    public Value Scatter(Value x, Value indices, Value updates, int axis, string reduction) => Node(
        "ScatterElements", [x, indices, updates], x.Type, x.Shape,
        node =>
        {
            node.SetInt("axis", axis);
            if (reduction != "none")
            {
                node.SetString("reduction", reduction);
            }
        },
        minimumOpset: reduction is "max" or "min" ? 18 : reduction == "none" ? 0 : 16);

    /// <summary>
    /// Index tuples [batches, tuples, depth] over axes of the given lengths as one number each, [batches, tuples]. Negative indices count
    /// from the end of their own axis.
    /// </summary>
    public Value RowNumbers(Value tuples, long[] lengths)
    {
        var strides = new long[lengths.Length];
        var stride = 1L;
        for (var i = lengths.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= lengths[i];
        }

        var positive = Where(Less(tuples, Scalar(TensorElementType.Int64, 0)), Add(tuples, Integers(lengths)), tuples);
        return ReduceSum(Mul(positive, Integers(strides)), [2], keep: false);
    }

    /// <summary>
    /// Adds whole rows onto zeros: row r of <paramref name="updates"/> <c>[outer, R, inner]</c> goes to row <c>indices[r]</c> of the
    /// result <c>[outer, rows, inner]</c>.
    /// </summary>
    public Value ScatterRows(long rows, Value indices, Value updates)
    {
        var column = Reshape(indices, 1, Shapes.Count(indices.Shape), 1);
        return ScatterAdd(Shapes.With(updates.Shape, 1, rows), Expand(column, updates.Shape), updates, 1);
    }

    /// <summary>The elements of one axis from last to first.</summary>
    public Value Reverse(Value x, int axis) => Node(
        "Slice", [x, Integers(-1), Integers(long.MinValue), Integers(axis), Integers(-1)], x.Type, x.Shape);

    /// <summary>
    /// Adds up along one axis: element i of <paramref name="x"/> goes to element <paramref name="target"/>[i] of an axis of the given length.
    /// </summary>
    public Value AddAlong(Value x, int axis, long length, long[] target)
    {
        var flat = Reshape(x, Shapes.Count(x.Shape.AsSpan(0, axis)), x.Shape[axis], Shapes.Count(x.Shape.AsSpan(axis + 1)));
        return Reshape(ScatterRows(length, Integers(target), flat), Shapes.With(x.Shape, axis, length));
    }

    /// <summary>The permutation of a Transpose node; without attribute the axes are reversed.</summary>
    public static long[] Permutation(Onnx.Protobuf.NodeProto node, int rank) =>
        node.GetInts("perm") ?? [.. Shapes.Range(rank).Reverse()];

    private static bool IsOrdered(long[] shape, long[] permutation)
    {
        var last = -1L;
        foreach (var axis in permutation)
        {
            if (shape[axis] == 1)
            {
                continue;
            }

            if (axis < last)
            {
                return false;
            }

            last = axis;
        }

        return true;
    }
}
