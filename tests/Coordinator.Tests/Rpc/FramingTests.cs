using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using OrtZero.Coordinator.Internal;
using OrtZero.Coordinator.Tests.Protocol;

namespace OrtZero.Coordinator.Tests.Rpc;

public class FramingTests
{
    [Fact]
    public async Task Messages_that_arrive_byte_by_byte_are_read_in_order()
    {
        var bytes = FrameWriter.ToBytes(new ProbeRequest { Text = "one" }, null)
            .Concat(FrameWriter.ToBytes(new ProbeRequest(), null))
            .Concat(FrameWriter.ToBytes(new ProbeRequest { Text = new string('x', 5000) }, null)).ToArray();
        var pipe = new Pipe();
        var reader = new FrameReader(pipe.Reader, null, null);
        var writing = Task.Run(async () =>
        {
            foreach (var value in bytes)
            {
                await pipe.Writer.WriteAsync(new[] { value });
            }

            await pipe.Writer.CompleteAsync();
        });
        Assert.Equal("one", (await Read(reader))!.Text);
        Assert.Equal("", (await Read(reader))!.Text);
        Assert.Equal(5000, (await Read(reader))!.Text.Length);
        Assert.Null(await Read(reader));
        await writing;
    }

    [Fact]
    public void The_prefix_is_a_zero_and_the_length_in_network_order()
    {
        var writer = new ArrayBufferWriter<byte>();
        FrameWriter.Write(writer, new ProbeRequest { Text = new string('x', 300) }, null);
        Assert.Equal([0, 0, 0, 1, 47], writer.WrittenSpan[..5].ToArray());
        Assert.Equal(5 + 303, writer.WrittenCount);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 0, 0, 0, 0, 9, 1 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 2, 0, 0, 0, 0 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 0, 0, 0, 0, 1, 0xFF }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 0, 0, 0, 1, 0 }, RpcStatusCode.ResourceExhausted)]
    [InlineData(new byte[] { 0, 0xFF, 0xFF, 0xFF, 0xFF }, RpcStatusCode.ResourceExhausted)]
    public async Task A_broken_stream_is_an_error(byte[] bytes, RpcStatusCode expected)
    {
        var reader = new FrameReader(PipeReader.Create(new ReadOnlySequence<byte>(bytes)), null, 255);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await Read(reader));
        Assert.Equal(expected, error.StatusCode);
    }

    [Fact]
    public async Task Gzip_is_read_and_its_limit_is_that_of_the_whole_message()
    {
        var message = FrameWriter.ToBytes(new ProbeRequest { Text = new string('x', 10_000) }, null).AsSpan(5).ToArray();
        var zipped = new MemoryStream();
        using (var zip = new GZipStream(zipped, CompressionLevel.Fastest, leaveOpen: true))
        {
            zip.Write(message);
        }

        var frame = new byte[5 + (int)zipped.Length];
        frame[0] = 1;
        frame[3] = (byte)(zipped.Length >> 8);
        frame[4] = (byte)zipped.Length;
        zipped.ToArray().CopyTo(frame, 5);

        var read = await Read(new FrameReader(PipeReader.Create(new ReadOnlySequence<byte>(frame)), "gzip", 20_000));
        Assert.Equal(10_000, read!.Text.Length);
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
            await Read(new FrameReader(PipeReader.Create(new ReadOnlySequence<byte>(frame)), "gzip", 9_000)));
        Assert.Equal(RpcStatusCode.ResourceExhausted, error.StatusCode);
    }

    [Fact]
    public void A_message_above_the_sending_limit_is_refused()
    {
        var error = Assert.Throws<RpcException>(() => FrameWriter.ToBytes(new ProbeRequest { Text = "12345678" }, 9));
        Assert.Equal(RpcStatusCode.ResourceExhausted, error.StatusCode);
        Assert.Contains("10 bytes", error.Message, StringComparison.Ordinal);
    }

    private static ValueTask<ProbeRequest?> Read(FrameReader reader) => reader.ReadAsync(ProbeRequest.Parser, CancellationToken.None);
}
