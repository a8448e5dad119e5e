using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Google.Protobuf;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// Reads length-prefixed messages:
/// <code>
/// +------------------+---------------------------+---------------+
/// | compressed (1 B) | length (4 B, big-endian)  | message       |
/// +------------------+---------------------------+---------------+
/// </code>
/// </summary>
/// <param name="reader">The bytes of the stream.</param>
/// <param name="encoding">The stream's grpc-encoding; null or "identity" for none.</param>
/// <param name="maxSize">The largest message in bytes, after decompression, too; null for no limit.</param>
internal sealed class FrameReader(PipeReader reader, string? encoding, int? maxSize)
{
    public const int HeaderLength = 5;

    /// <summary>The next message; null when the stream ended after a whole one.</summary>
    /// <exception cref="RpcException">INTERNAL for a broken stream, RESOURCE_EXHAUSTED for a message above the limit.</exception>
    public async ValueTask<T?> ReadAsync<T>(MessageParser<T> parser, CancellationToken cancellationToken)
        where T : class, IMessage<T>
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (TryRead(buffer, parser, out var message, out var consumed))
            {
                reader.AdvanceTo(consumed);
                return message;
            }

            if (result.IsCompleted)
            {
                return buffer.IsEmpty
                    ? null
                    : throw new RpcException(RpcStatusCode.Internal, "The stream ended in the middle of a message.");
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private bool TryRead<T>(ReadOnlySequence<byte> buffer, MessageParser<T> parser, out T? message, out SequencePosition consumed)
        where T : class, IMessage<T>
    {
        message = null;
        consumed = buffer.Start;
        if (buffer.Length < HeaderLength)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        buffer.Slice(0, HeaderLength).CopyTo(header);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (length > (maxSize ?? int.MaxValue))
        {
            throw TooLarge($"{length} bytes");
        }

        if (header[0] > 1)
        {
            throw new RpcException(RpcStatusCode.Internal, $"A message starts with the byte {header[0]}, which is neither 0 nor 1.");
        }

        if (buffer.Length - HeaderLength < length)
        {
            return false;
        }

        var payload = buffer.Slice(HeaderLength, length);
        consumed = payload.End;
        if (header[0] == 1)
        {
            payload = Decompress(payload);
        }

        try
        {
            message = parser.ParseFrom(payload);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RpcException(new RpcStatus(RpcStatusCode.Internal, $"A message is no valid {typeof(T).Name}: {e.Message}", e));
        }

        return true;
    }

    private ReadOnlySequence<byte> Decompress(ReadOnlySequence<byte> payload)
    {
        if (!string.Equals(encoding, GrpcProtocol.Gzip, StringComparison.Ordinal))
        {
            throw new RpcException(
                RpcStatusCode.Internal, $"A message is compressed, but the stream's grpc-encoding is '{encoding ?? GrpcProtocol.Identity}'.");
        }

        using var unzip = new GZipStream(new MemoryStream(payload.ToArray(), writable: false), CompressionMode.Decompress);
        var output = new ArrayBufferWriter<byte>();
        try
        {
            int read;
            while ((read = unzip.Read(output.GetSpan(4096))) > 0)
            {
                output.Advance(read);
                if (output.WrittenCount > (maxSize ?? int.MaxValue))
                {
                    throw TooLarge("more after decompression");
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw new RpcException(new RpcStatus(RpcStatusCode.Internal, "A compressed message is not valid gzip.", e));
        }

        return new ReadOnlySequence<byte>(output.WrittenMemory);
    }

    private RpcException TooLarge(string what) => new(
        RpcStatusCode.ResourceExhausted, $"A message has {what}; the largest that is received here has {maxSize} bytes.");
}
