using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding.Tests;

public sealed class BucketPipelineTests
{
    [Fact]
    public void Work_is_done_in_bucket_order_whatever_becomes_ready_first()
    {
        var pipeline = new BucketPipeline(4, "test");
        var done = new List<int>();
        for (var round = 0; round < 3; round++)
        {
            done.Clear();
            pipeline.Start(done.Add);
            foreach (var bucket in new[] { 3, 1, 0, 2 })
            {
                pipeline.MarkReady(bucket);
            }

            pipeline.Complete();
            Assert.Equal([0, 1, 2, 3], done);
        }

        Assert.True(pipeline.TryStop(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void A_failure_ends_the_work_and_is_thrown_by_every_later_call()
    {
        var pipeline = new BucketPipeline(3, "test");
        var done = new List<int>();
        pipeline.Start(bucket =>
        {
            done.Add(bucket);
            if (bucket == 1)
            {
                throw new IOException("broken cable");
            }
        });
        for (var bucket = 0; bucket < 3; bucket++)
        {
            pipeline.MarkReady(bucket);
        }

        var failure = Assert.Throws<ShardingException>(pipeline.Complete);
        Assert.IsType<IOException>(failure.InnerException);
        Assert.Throws<ShardingException>(pipeline.ThrowIfFailed);
        Assert.Throws<ShardingException>(() => pipeline.Start(done.Add));
        Assert.Equal([0, 1], done);
        Assert.True(pipeline.TryStop(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void A_thread_that_hangs_in_a_collective_does_not_hang_the_end()
    {
        var pipeline = new BucketPipeline(1, "test");
        using var forever = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        pipeline.Start(_ =>
        {
            started.Set();
            forever.Wait();
        });
        pipeline.MarkReady(0);
        started.Wait();

        Assert.False(pipeline.TryStop(TimeSpan.FromMilliseconds(10)));
        forever.Set();
        Assert.True(pipeline.TryStop(TimeSpan.FromSeconds(30)));
    }
}
