using Google.Protobuf;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Onnx.Internal;

/// <summary>
/// Reads a model file without the data of its large initializers, which stays in the file.
/// </summary>
/// <remarks>
/// A protobuf message is a list of fields, each a varint (field number * 8 + wire type) and its content: 0 a varint, 1 eight bytes, 2 a
/// varint length and as many bytes, 5 four bytes. The data lies in ModelProto.graph (7), GraphProto.initializer (5),
/// TensorProto.raw_data (9), one message within the other; everything else is copied.
/// </remarks>
internal sealed class ModelSkeleton
{
    private static readonly int[] s_path = [ModelProto.GraphFieldNumber, GraphProto.InitializerFieldNumber, TensorProto.RawDataFieldNumber];

    private readonly Stream _source;
    private readonly Dictionary<int, (long Offset, int Length)> _data = [];
    private int _initializers;

    private ModelSkeleton(Stream source) => _source = source;

    /// <summary>Reads a file of at most 2 GiB.</summary>
    /// <returns>The model; null when the file is no sound message, which its parser tells best.</returns>
    public static ModelProto? TryRead(string path)
    {
        using var source = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16);
        var skeleton = new ModelSkeleton(source);
        var message = new MemoryStream();
        if (!skeleton.TryCopy(source.Length, 0, message))
        {
            return null;
        }

        try
        {
            var model = ModelProto.Parser.ParseFrom(message.GetBuffer(), 0, (int)message.Length);
            if (skeleton._data.Count > 0)
            {
                var file = new TensorFile(path);
                foreach (var (index, (offset, length)) in skeleton._data)
                {
                    model.Graph.Initializer[index].RawData = FileBytes.Wrap(file, offset, length);
                }
            }

            return model;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private bool TryCopy(long end, int depth, MemoryStream target)
    {
        while (_source.Position < end)
        {
            if (!TryVarint(end, out var tag))
            {
                return false;
            }

            var copied = (tag & 7) switch
            {
                0 => TryCopyVarint(tag, end, target),
                1 => TryCopyBytes(tag, 8, end, target),
                5 => TryCopyBytes(tag, 4, end, target),
                2 => TryCopyMessage(tag, end, depth, target),
                _ => false,
            };
            if (!copied)
            {
                return false;
            }
        }

        return _source.Position == end;
    }

    private bool TryCopyVarint(ulong tag, long end, MemoryStream target)
    {
        WriteVarint(target, tag);
        if (!TryVarint(end, out var value))
        {
            return false;
        }

        WriteVarint(target, value);
        return true;
    }

    private bool TryCopyBytes(ulong tag, long length, long end, MemoryStream target)
    {
        WriteVarint(target, tag);
        return TryCopyContent(length, end, target);
    }

    private bool TryCopyMessage(ulong tag, long end, int depth, MemoryStream target)
    {
        if (!TryVarint(end, out var unsigned) || unsigned > (ulong)(end - _source.Position))
        {
            return false;
        }

        var length = (long)unsigned;
        if (depth >= s_path.Length || (int)(tag >> 3) != s_path[depth])
        {
            WriteVarint(target, tag);
            WriteVarint(target, unsigned);
            return TryCopyContent(length, end, target);
        }

        if (depth == s_path.Length - 1)
        {
            // Of a field that comes twice the last counts.
            _data.Remove(_initializers);
            if (length < FileBytes.Smallest)
            {
                WriteVarint(target, tag);
                WriteVarint(target, unsigned);
                return TryCopyContent(length, end, target);
            }

            _data.Add(_initializers, (_source.Position, (int)length));
            _source.Seek(length, SeekOrigin.Current);
            return true;
        }

        var inner = new MemoryStream();
        if (!TryCopy(_source.Position + length, depth + 1, inner))
        {
            return false;
        }

        _initializers += depth == s_path.Length - 2 ? 1 : 0;
        WriteVarint(target, tag);
        WriteVarint(target, (ulong)inner.Length);
        inner.WriteTo(target);
        return true;
    }

    private bool TryCopyContent(long length, long end, MemoryStream target)
    {
        if (length > end - _source.Position)
        {
            return false;
        }

        Span<byte> piece = stackalloc byte[4096];
        while (length > 0)
        {
            var read = _source.Read(piece[..(int)Math.Min(length, piece.Length)]);
            if (read == 0)
            {
                return false;
            }

            target.Write(piece[..read]);
            length -= read;
        }

        return true;
    }

    private bool TryVarint(long end, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && _source.Position < end; shift += 7)
        {
            var part = _source.ReadByte();
            if (part < 0)
            {
                return false;
            }

            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteVarint(MemoryStream target, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            target.WriteByte((byte)(value | 0x80));
        }

        target.WriteByte((byte)value);
    }
}
