using OrtZero.Autograd;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class ReduceGradTests
{
    private readonly VlmJob _job = VlmJob.Instance;

    [Fact]
    public void The_only_outputs_left_are_the_loss_and_one_token()
    {
        using var engine = _job.Engine(new SingleProcessCommunicator(), new ZeroOptions());
        var outputs = _job.Graph.Model.Graph.Output.Count;

        var graph = engine.AttachReduceGrad(_job.Graph);

        Assert.Equal([graph.LossName, ZeroEngine.TokenOutput], graph.Model.Graph.Output.Select(output => output.Name));
        Assert.Equal(outputs, _job.Graph.Model.Graph.Output.Count);
        Assert.Equal(graph.Parameters.Count, graph.Model.Graph.Node.Count(node => node.OpType == "ReduceGrad" && node.Domain == ZeroEngine.OperatorDomain));
    }

    [Fact]
    public void Gradients_arrive_in_the_order_of_the_layout_so_that_buckets_fill_one_after_another()
    {
        using var engine = _job.Engine(new SingleProcessCommunicator(), new ZeroOptions());
        var recorder = new Recorder();
        var graph = engine.AttachReduceGrad(_job.Graph);
        using var session = VlmJob.Open(graph, recorder);
        using var loss = OrtTensor.FromSingles([0f]);
        using var token = OrtTensor.FromSingles([0f]);
        using var binding = VlmJob.Bind(session, graph, engine, loss, token);
        foreach (var (name, tensor) in _job.Inputs(0))
        {
            binding.Input(name, tensor);
        }

        session.Run(binding);

        Assert.Equal(engine.Plan.Parameters.OrderBy(parameter => parameter.Offset).Select(parameter => parameter.Name), recorder.Seen);
    }

    [Fact]
    public void A_run_outside_a_micro_batch_fails_with_the_engines_words()
    {
        using var engine = _job.Engine(new SingleProcessCommunicator(), new ZeroOptions());
        var graph = engine.AttachReduceGrad(_job.Graph);
        using var session = VlmJob.Open(graph, engine.ReduceGradOperator);
        using var loss = OrtTensor.FromSingles([0f]);
        using var token = OrtTensor.FromSingles([0f]);
        using var binding = VlmJob.Bind(session, graph, engine, loss, token);
        foreach (var (name, tensor) in _job.Inputs(0))
        {
            binding.Input(name, tensor);
        }

        Assert.Contains("call BeginMicroBatch before each run", Assert.Throws<OrtException>(() => session.Run(binding)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_of_another_model_is_refused()
    {
        using var communicator = new SingleProcessCommunicator();
        var kept = _job.Graph.Parameters.Skip(1).Select(parameter => (parameter.Name, parameter.Shape)).ToArray();
        using var engine = new ZeroEngine(PartitionPlan.Create(kept, 1, 1000), _job.Groups, communicator, new ZeroOptions());

        var message = Assert.Throws<ShardingException>(() => engine.AttachReduceGrad(_job.Graph)).Message;

        Assert.Contains($"'{_job.Graph.Parameters[0].Name}'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_without_a_planned_gradient_is_refused()
    {
        using var engine = _job.Engine(new SingleProcessCommunicator(), new ZeroOptions());
        var graph = new TrainingGraph
        {
            Model = _job.Graph.Model,
            ModelInputs = _job.Graph.ModelInputs,
            LabelsInput = _job.Graph.LabelsInput,
            LossName = _job.Graph.LossName,
            Parameters = [.. _job.Graph.Parameters.Skip(1)],
        };

        Assert.Contains($"no gradient of '{_job.Graph.Parameters[0].Name}'", Assert.Throws<ShardingException>(() => engine.AttachReduceGrad(graph)).Message, StringComparison.Ordinal);
    }

    private sealed class Recorder : CustomOperator
    {
        public List<string> Seen { get; } = [];

        public override string Name => "ReduceGrad";

        public override IReadOnlyList<OperatorInput> Inputs { get; } =
            [new OperatorInput(TensorElementType.Float), new OperatorInput(TensorElementType.Float, Optional: true)];

        public override IReadOnlyList<OperatorOutput> Outputs { get; } = [new OperatorOutput(TensorElementType.Float)];

        public override CustomKernel CreateKernel(KernelAttributes attributes) => new Kernel(Seen, attributes.GetString("parameter", ""));

        private sealed class Kernel(List<string> seen, string parameter) : CustomKernel
        {
            public override void Compute(in KernelContext context)
            {
                seen.Add(parameter);
                context.Output<float>(0)[0] = 0;
            }
        }
    }
}
