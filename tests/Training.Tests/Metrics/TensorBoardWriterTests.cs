using System.Buffers.Binary;
using OrtZero.Training.Internal;
using OrtZero.Training.Protobuf;

namespace OrtZero.Training.Tests;

public sealed class TensorBoardWriterTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Events_are_framed_with_lengths_and_checksums()
    {
        using (var writer = new MetricsWriter(_folder, new LogSection { Tensorboard = true }))
        {
            writer.Write(new MetricsRecord { Iteration = 7, Epoch = 0, Loss = 0.5, SamplesPerSecond = 3, PeakRssBytes = 4, Groups = [new GroupMetrics("base", 1, 2)] });
            writer.Write(new ValidationRecord { Iteration = 7, Epoch = 0, Loss = 0.25, Metric = "token_accuracy", Value = 1, Samples = 1 });
        }

        var file = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "tensorboard")));
        Assert.Contains("events.out.tfevents.", Path.GetFileName(file), StringComparison.Ordinal);
        var events = Events(File.ReadAllBytes(file));
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal(
            ["train/loss=0.5", "lr/base=1", "weight_decay/base=2", "performance/samples_per_second=3", "performance/peak_rss_bytes=4"],
            events[1].Summary.Value.Select(value => FormattableString.Invariant($"{value.Tag}={value.SimpleValue}")));
        Assert.Equal(["val/loss", "val/token_accuracy"], events[2].Summary.Value.Select(value => value.Tag));
        Assert.All(events.Skip(1), record => Assert.Equal(7, record.Step));
        Assert.All(events, record => Assert.InRange(record.WallTime, 1.6e9, 1e11));
    }

    // The check value of CRC-32C, and the examples of RFC 3720 B.4.
    [Fact]
    public void The_checksum_gives_its_known_answers()
    {
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Of(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0xCBF43926u, Crc32.Of("123456789"u8));
    }

    private static List<Event> Events(ReadOnlySpan<byte> bytes)
    {
        var events = new List<Event>();
        while (!bytes.IsEmpty)
        {
            var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            Assert.Equal(Crc32C.Masked(bytes[..8]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
            Assert.Equal(Crc32C.Masked(bytes.Slice(12, length)), BinaryPrimitives.ReadUInt32LittleEndian(bytes[(12 + length)..]));
            events.Add(Event.Parser.ParseFrom(bytes.Slice(12, length)));
            bytes = bytes[(16 + length)..];
        }

        return events;
    }
}
