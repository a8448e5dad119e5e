using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace OrtZero.Coordinator.Internal;

/// <summary>Writes the frames that <see cref="FrameReader"/> reads, never compressed.</summary>
internal static class FrameWriter
{
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the message is larger than <paramref name="maxSize"/>.</exception>
    public static void Write(IBufferWriter<byte> writer, IMessage message, int? maxSize)
    {
        var length = FrameReader.HeaderLength + Size(message, maxSize);
        WriteTo(writer.GetSpan(length)[..length], message);
        writer.Advance(length);
    }

    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: the message is larger than <paramref name="maxSize"/>.</exception>
    public static byte[] ToBytes(IMessage message, int? maxSize)
    {
        var frame = new byte[FrameReader.HeaderLength + Size(message, maxSize)];
        WriteTo(frame, message);
        return frame;
    }

    private static int Size(IMessage message, int? maxSize)
    {
        var size = message.CalculateSize();
        return size <= maxSize.GetValueOrDefault(int.MaxValue)
            ? size
            : throw new RpcException(
                RpcStatusCode.ResourceExhausted, $"A message has {size} bytes; the largest that is sent here has {maxSize} bytes.");
    }

    private static void WriteTo(Span<byte> frame, IMessage message)
    {
        frame[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(frame[1..], frame.Length - FrameReader.HeaderLength);
        message.WriteTo(frame[FrameReader.HeaderLength..]);
    }
}
