using OrtZero.Mpi;
using OrtZero.Sharding.Internal;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class CheckpointWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestModel _model = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    [InlineData(2, 3)]
    public void What_is_written_is_the_state_at_its_beginning_however_far_training_went(int world, int stage)
    {
        using var gate = new ManualResetEventSlim();
        var states = ThreadCommunicator.Run(world, ranks =>
        {
            using var engine = _model.Engine(ranks, stage);
            using var writer = new CheckpointWriter(engine, _folder.Path, new SlowDisk(gate));
            ZeroEngineTests.Train(_model, engine, 2, maxNorm: null);
            var state = _model.Snapshot(engine);

            writer.Begin(2, "{}");
            ZeroEngineTests.Train(_model, engine, 2, maxNorm: null, from: 2);
            Assert.True(writer.IsWriting);
            Assert.False(writer.IsRankReady);
            Assert.Throws<InvalidOperationException>(() => writer.Begin(4, "{}"));
            ranks.Barrier();
            Assert.Null(ShardedCheckpoint.FindLatest(_folder.Path));
            ranks.Barrier();
            gate.Set();
            var written = writer.Complete();
            Assert.Equal(ShardedCheckpoint.FindLatest(_folder.Path), written);
            Assert.False(writer.IsWriting);
            return state;
        });

        using var loaded = _model.Engine(new SingleProcessCommunicator(), 0);
        Assert.Equal(2, ShardedCheckpoint.Load(Assert.Single(Directory.GetDirectories(_folder.Path)), loaded).Step);
        TestModel.AssertSameBits(states[0], _model.Snapshot(loaded));
        ZeroEngineTests.Train(_model, loaded, 1, maxNorm: null, from: 2);
        using var undisturbed = _model.Engine(new SingleProcessCommunicator(), 0);
        ZeroEngineTests.Train(_model, undisturbed, 3, maxNorm: null);
        TestModel.AssertSameBits(_model.Snapshot(undisturbed), _model.Snapshot(loaded));
    }

    [Fact]
    public void The_copy_is_made_once_and_reused()
    {
        ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = _model.Engine(ranks, 1);
            using var writer = new CheckpointWriter(engine, _folder.Path);
            Assert.Equal(0, writer.ByteLength);
            writer.Begin(1, "{}");
            writer.Complete();
            var bytes = writer.ByteLength;
            Assert.Equal(3 * sizeof(float) * engine.OwnedRanges.Sum(owned => (long)owned.Range.Length), bytes);
            writer.Begin(2, "{}");
            writer.Complete();
            Assert.Equal(bytes, writer.ByteLength);
            return 0;
        });
    }

    [Fact]
    public void A_full_disk_shows_at_the_next_boundary_and_the_next_checkpoint_is_tried_again()
    {
        var messages = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = _model.Engine(ranks, 1);
            var storage = new FillingDisk();
            using var writer = new CheckpointWriter(engine, _folder.Path, storage);
            writer.Begin(1, "{}");
            writer.Complete();
            storage.IsFull = ranks.Rank == 1;
            writer.Begin(2, "{}");
            ZeroEngineTests.Train(_model, engine, 1, maxNorm: null);
            var message = Assert.Throws<CheckpointException>(() => writer.Advance()).Message;
            Assert.False(writer.IsWriting);
            Assert.EndsWith("step-00000001", ShardedCheckpoint.FindLatest(_folder.Path), StringComparison.Ordinal);
            ranks.Barrier();
            storage.IsFull = false;
            writer.Begin(3, "{}");
            Assert.EndsWith("step-00000003", writer.Complete(), StringComparison.Ordinal);
            return message;
        });

        Assert.All(messages, message => Assert.Contains("step-00000002' was not written: No space left on device. (rank 1)", message, StringComparison.Ordinal));
        Assert.Equal(["step-00000001", "step-00000003"], Directory.GetDirectories(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Leaving_while_one_is_written_leaves_none()
    {
        using var gate = new ManualResetEventSlim();
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        var writer = new CheckpointWriter(engine, _folder.Path, new SlowDisk(gate));
        writer.Begin(1, "{}");
        gate.Set();
        writer.Dispose();
        Assert.Null(ShardedCheckpoint.FindLatest(_folder.Path));

        using var next = new CheckpointWriter(engine, _folder.Path);
        next.Begin(2, "{}");
        Assert.Equal([next.Complete()], Directory.GetDirectories(_folder.Path));
    }

    /// <summary>A disk that creates no file before it is told to.</summary>
    private sealed class SlowDisk(ManualResetEventSlim gate) : DurableStorage
    {
        protected override Stream Create(string path, long expectedLength)
        {
            gate.Wait();
            return base.Create(path, expectedLength);
        }
    }

    private sealed class FillingDisk : DurableStorage
    {
        public bool IsFull { get; set; }

        protected override Stream Create(string path, long expectedLength) =>
            IsFull ? throw new IOException("No space left on device") : base.Create(path, expectedLength);
    }
}
