using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

/// <summary>Ten updates of the vision-language model against PyTorch in float64.</summary>
public sealed class GoldenTrajectoryTests
{
    [Theory]
    [InlineData("constant", 1, 0)]
    [InlineData("constant", 1, 1)]
    [InlineData("cosine", 1, 1)]
    [InlineData("constant", 2, 0)]
    [InlineData("constant", 2, 1)]
    [InlineData("constant", 2, 2)]
    [InlineData("constant", 1, 3)]
    [InlineData("constant", 2, 3)]
    [InlineData("constant", 2, 3, 0)]
    public void Losses_norms_and_parameters_follow_pytorch(string schedule, int world, int stage, long prefetch = 5_000_000)
    {
        var job = VlmJob.Instance;
        var golden = VlmJob.Golden(schedule);
        Func<int, double>? factor = schedule == "cosine" ? VlmJob.CosineFactor : null;

        var ranks = ThreadCommunicator.Run(world, communicator =>
        {
            using var engine = job.Engine(communicator, new ZeroOptions { Stage = stage, ReduceBucketSize = 20_000, PersistenceThreshold = 100, PrefetchElements = prefetch });
            var results = job.Train(engine, factor);
            engine.GatherWholeParameters();
            return (Results: results, Parameters: job.Graph.Parameters.ToDictionary(parameter => parameter.Name, parameter => engine.Parameter(parameter.Name).ToArray()));
        });

        var losses = golden.GetProperty("losses_f64").EnumerateArray().Select(value => value.GetDouble()).ToList();
        var norms = golden.GetProperty("grad_norms_f64").EnumerateArray().Select(value => value.GetDouble()).ToList();
        for (var update = 0; update < VlmJob.Updates; update++)
        {
            Assert.Equal(losses[update], ranks.Average(rank => rank.Results[update].Loss), losses[update] * 2e-5);
            Assert.All(ranks, rank => Assert.Equal(norms[update], rank.Results[update].Norm, norms[update] * 2e-5));
        }

        var final = NpyArray.LoadArchive(RepositoryPaths.Fixture("vlm", "golden", $"params_final_{schedule}.npz"));
        foreach (var (name, values) in ranks[^1].Parameters)
        {
            var expected = final[name].Values;
            var distance = Math.Sqrt(values.Zip(expected, (actual, wanted) => (actual - wanted) * (actual - wanted)).Sum());
            var norm = Math.Sqrt(expected.Sum(value => value * value));
            Assert.True(distance <= 1e-4 * Math.Max(norm, 0.1), $"{name} is {distance} from the golden, whose norm is {norm}.");
        }
    }

    [Fact]
    public void Gradients_of_the_first_update_follow_pytorch()
    {
        var job = VlmJob.Instance;
        var golden = NpyArray.LoadArchive(RepositoryPaths.Fixture("vlm", "golden", "grads_step1.npz"));
        var gathered = ThreadCommunicator.Run(2, communicator =>
        {
            using var engine = job.Engine(communicator, new ZeroOptions { ReduceBucketSize = 20_000 });
            var graph = engine.AttachReduceGrad(job.Graph);
            using var session = VlmJob.Open(graph, engine.ReduceGradOperator);
            using var loss = Runtime.OrtTensor.FromSingles([0f]);
            using var token = Runtime.OrtTensor.FromSingles([0f]);
            using var binding = VlmJob.Bind(session, graph, engine, loss, token);
            foreach (var (name, tensor) in job.Inputs(communicator.Rank))
            {
                binding.Input(name, tensor);
            }

            engine.BeginMicroBatch(first: true, last: true);
            session.Run(binding);
            return engine.GatherGradients(2);
        });

        Assert.All(gathered, gradients => Assert.All(gradients, gradient =>
        {
            var expected = golden[gradient.Key].Values;
            var norm = Math.Sqrt(expected.Sum(value => value * value));
            var distance = Math.Sqrt(gradient.Value.Zip(expected, (actual, wanted) => (actual - wanted) * (actual - wanted)).Sum());
            Assert.True(distance <= 1e-4 * norm, $"The gradient of {gradient.Key} is {distance} from the golden, whose norm is {norm}.");
        }));
    }

    [Fact]
    public void Stage_0_and_stage_1_agree_to_the_bit()
    {
        var job = VlmJob.Instance;
        var runs = new[] { 0, 1 }.Select(stage => ThreadCommunicator.Run(2, communicator =>
        {
            using var engine = job.Engine(communicator, new ZeroOptions { Stage = stage, ReduceBucketSize = 30_000 });
            var results = job.Train(engine);
            return (Results: results, Parameters: job.Graph.Parameters.SelectMany(parameter => engine.Parameter(parameter.Name).ToArray()).ToArray());
        })).ToArray();

        Assert.Equal(runs[0][1].Results, runs[1][1].Results);
        Assert.Equal(runs[0][0].Parameters, runs[1][1].Parameters);
    }
}
