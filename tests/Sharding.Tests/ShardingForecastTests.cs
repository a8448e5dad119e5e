using OrtZero.Onnx;
using OrtZero.Sharding.Internal;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class ShardingForecastTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(4, true)]
    public void The_forecast_of_model_state_is_what_engines_allocate(int world, bool deterministic)
    {
        var job = VlmJob.Instance;
        var options = new ZeroOptions { ReduceBucketSize = 20_000, PersistenceThreshold = 100, PrefetchElements = 10_000, Deterministic = deterministic };
        var forecasts = ShardingForecast.Of(job.Graph, job.Groups, world, options, microBatches: 1, keepsAverage: world % 2 == 0, copiesForCheckpoints: true);

        foreach (var forecast in forecasts)
        {
            var measured = ThreadCommunicator.Run(world, ranks =>
            {
                using var engine = job.Engine(ranks, options with { Stage = forecast.Stage });
                engine.AttachReduceGrad(job.Graph);
                if (world % 2 == 0)
                {
                    engine.BeginAverage();
                }

                using var snapshot = new CheckpointSnapshot(engine);
                return (engine.Memory, engine.TransitBytes, engine.GatheredBytes, Copy: snapshot.ByteLength);
            });

            Assert.Equal(forecast.ModelState, measured[0].Memory);
            // What passes through is allocated when it comes; the forecast is the most.
            Assert.All(measured, rank => Assert.InRange(rank.TransitBytes, 0, forecast.BufferBytes));
            Assert.Equal(forecast.GatheredBytes, measured[0].GatheredBytes);
            Assert.Equal(forecast.Stage == 3 && world > 1, forecast.GatheredBytes > 0);
            Assert.Equal(forecast.CheckpointBytes, measured.Max(rank => rank.Copy));
            Assert.InRange(forecast.ActivationBytes, LargestValue(job), SumOfValues(job));
        }
    }

    [Fact]
    public void No_copy_for_checkpoints_is_counted_where_state_is_in_files()
    {
        var job = VlmJob.Instance;
        Assert.All(Copies(new ZeroOptions()), bytes => Assert.True(bytes > 0));
        Assert.All(Copies(new ZeroOptions { OptimizerStateFolder = Path.GetTempPath() }), bytes => Assert.Equal(0, bytes));
        Assert.Equal([true, true, true, false], Copies(new ZeroOptions { ParameterFolder = Path.GetTempPath() }).Select(bytes => bytes > 0));

        IEnumerable<long> Copies(ZeroOptions options) => ShardingForecast
            .Of(job.Graph, job.Groups, 2, options, microBatches: 1, copiesForCheckpoints: true).Select(forecast => forecast.CheckpointBytes);
    }

    [Fact]
    public void Bytes_sent_follow_the_zero_paper()
    {
        var job = VlmJob.Instance;
        var stages = ShardingForecast.Of(job.Graph, job.Groups, 4, new ZeroOptions { PersistenceThreshold = 1, ReduceBucketSize = 1024 }, microBatches: 1);

        // 2 Ψ below stage 3; 3 Ψ there, for the forward and the backward pass gather. Padding and the one weight that is kept in
        // between make it a little more or less.
        var psi = stages[0].ModelState.Parameters * 3 / 4.0;
        Assert.All(stages.Take(3), stage => Assert.Equal(2, stage.SentBytes / psi, 0.01));
        Assert.InRange(stages[3].SentBytes / psi, 2.5, 4);
        Assert.All(ShardingForecast.Of(job.Graph, job.Groups, 1, new ZeroOptions(), 4), stage => Assert.Equal(0, stage.SentBytes));
    }

    [Fact]
    public void Micro_batches_cost_traffic_where_gradients_are_reduced_at_once()
    {
        var job = VlmJob.Instance;
        var once = ShardingForecast.Of(job.Graph, job.Groups, 2, new ZeroOptions(), microBatches: 1);
        var often = ShardingForecast.Of(job.Graph, job.Groups, 2, new ZeroOptions(), microBatches: 4);

        Assert.Equal(once[1].SentBytes, often[1].SentBytes);
        Assert.Equal(once[2].SentBytes * 5 / 2, often[2].SentBytes);
    }

    [Fact]
    public void Sixty_five_thousand_ranks_are_planned_at_once()
    {
        var job = VlmJob.Instance;
        var stages = ShardingForecast.Of(job.Graph, job.Groups, 65_536, new ZeroOptions(), microBatches: 1);

        Assert.Equal(4, stages.Count);
        Assert.True(stages[1].ModelState.OptimizerState < stages[0].ModelState.OptimizerState / 1000);
    }

    private static long LargestValue(VlmJob job) => Sizes(job).Max();

    private static long SumOfValues(VlmJob job) => Sizes(job).Sum() + job.Graph.Parameters.Sum(parameter => 3 * sizeof(float) * TestModel.Count(parameter.Shape));

    private static IEnumerable<long> Sizes(VlmJob job) => job.Graph.Model.Graph.Node.SelectMany(node => node.Output)
        .Where(name => job.Graph.Values!.TryGet(name, out _))
        .Select(name => job.Graph.Values![name])
        .Select(value => TestModel.Count(value.Shape) * value.Type.SizeInBits() / 8);
}
