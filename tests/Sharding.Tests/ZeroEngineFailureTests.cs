using OrtZero.Mpi;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class ZeroEngineFailureTests
{
    private readonly TestModel _model = new();

    [Fact]
    public void A_failing_collective_surfaces_in_Step_with_its_cause()
    {
        var failure = Assert.Throws<AggregateException>(() => ThreadCommunicator.Run(2, ranks =>
        {
            var reductions = 0;
            ranks.OnCollective = name =>
            {
                if (ranks.Rank == 1 && name == "reduce-scatter" && ++reductions == 3)
                {
                    throw new IOException("the network is down");
                }
            };
            using var engine = _model.Engine(ranks, 1);
            _model.Accumulate(engine, 0, 2);
            return engine.Step(_model.Settings(2));
        }));

        var inner = Assert.IsType<ShardingException>(failure.InnerException);
        Assert.Contains("bucket 2", inner.Message, StringComparison.Ordinal);
        Assert.Contains("the network is down", inner.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_gradient_is_named()
    {
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        engine.BeginMicroBatch(first: true, last: true);
        foreach (var name in _model.Trainable().Where(name => name != "projector.bias"))
        {
            engine.Accumulate(name, _model.Gradient(name, 0, 0));
        }

        Assert.Contains("'projector.bias'", Assert.Throws<ShardingException>(() => engine.Step(_model.Settings(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_missing_from_the_last_micro_batch_is_named_too()
    {
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        engine.BeginMicroBatch(first: true, last: false);
        foreach (var name in _model.Trainable())
        {
            engine.Accumulate(name, _model.Gradient(name, 0, 0));
        }

        engine.BeginMicroBatch(first: false, last: true);
        Assert.Contains("No gradient of 'vision.embed.weight'", Assert.Throws<ShardingException>(() => engine.Step(_model.Settings(2))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_of_another_size_twice_or_out_of_turn_is_refused()
    {
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        Assert.Contains("BeginMicroBatch", Assert.Throws<InvalidOperationException>(() => engine.Accumulate("projector.bias", new float[53])).Message, StringComparison.Ordinal);
        engine.BeginMicroBatch(first: true, last: false);
        Assert.Contains("52 elements", Assert.Throws<ShardingException>(() => engine.Accumulate("projector.bias", new float[52])).Message, StringComparison.Ordinal);
        engine.Accumulate("projector.bias", new float[53]);
        Assert.Contains("second gradient of 'projector.bias'", Assert.Throws<InvalidOperationException>(() => engine.Accumulate("projector.bias", new float[53])).Message, StringComparison.Ordinal);
        Assert.Contains("'nothing'", Assert.Throws<ShardingException>(() => engine.Accumulate("nothing", new float[1])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_in_the_wrong_order_are_refused()
    {
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        Assert.Throws<InvalidOperationException>(() => engine.Step(_model.Settings(1)));
        Assert.Throws<InvalidOperationException>(() => engine.BeginMicroBatch(first: false, last: true));
        _model.Accumulate(engine, 0, 1);
        Assert.Throws<InvalidOperationException>(() => engine.BeginMicroBatch(first: true, last: true));
    }

    [Fact]
    public void Settings_that_do_not_fit_are_refused()
    {
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        _model.Accumulate(engine, 0, 1);
        Assert.Contains("learning rates", Assert.Throws<ArgumentException>(() => engine.Step(_model.Settings(1) with { LearningRates = [] })).Message, StringComparison.Ordinal);
        Assert.Contains("divisor", Assert.Throws<ArgumentException>(() => engine.Step(_model.Settings(0))).Message, StringComparison.Ordinal);
        Assert.Contains("max_norm", Assert.Throws<ArgumentException>(() => engine.Step(_model.Settings(1, maxNorm: 0))).Message, StringComparison.Ordinal);
        Assert.False(engine.Step(_model.Settings(1)).Skipped);
    }

    [Fact]
    public void A_plan_for_other_ranks_or_an_unknown_stage_or_parameter_is_refused()
    {
        using var single = new SingleProcessCommunicator();
        Assert.Contains("for 2 ranks but 1", Assert.Throws<ShardingException>(
            () => new ZeroEngine(_model.Plan(2, 1000), _model.Groups, single, new ZeroOptions())).Message, StringComparison.Ordinal);
        Assert.Contains("stage is 7", Assert.Throws<ShardingException>(
            () => new ZeroEngine(_model.Plan(1, 1000), _model.Groups, single, new ZeroOptions { Stage = 7 })).Message, StringComparison.Ordinal);
        Assert.Contains("'stranger' has no settings", Assert.Throws<ShardingException>(
            () => new ZeroEngine(PartitionPlan.Create([("stranger", [1])], 1, 1), _model.Groups, single, new ZeroOptions())).Message, StringComparison.Ordinal);
        using var engine = _model.Engine(single, 1);
        Assert.Contains("has 53 elements", Assert.Throws<ShardingException>(() => engine.LoadParameter("projector.bias", new float[5])).Message, StringComparison.Ordinal);
    }
}
