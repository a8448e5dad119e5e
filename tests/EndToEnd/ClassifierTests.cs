using OrtZero.Onnx;

namespace OrtZero.EndToEnd;

/// <summary>A classifier of operator set 9, whose weights are made by nodes, trained by the program as a user would.</summary>
public sealed class ClassifierTests
{
    [Fact]
    public void SqueezeNet_takes_a_step_and_keeps_its_inputs_and_outputs()
    {
        using var job = Job.Classifier("light_squeezenet.onnx", "data_0", "softmaxout_1");
        using var run = ProgramRun.RankWorker(1, [job.Configuration, "--max-iters", "1"]);
        run.Expect(0);
        var line = Assert.Single(job.Metrics);
        Assert.Equal(Math.Log(1000), line.GetProperty("loss").GetDouble(), 1e-3);
        Assert.True(line.GetProperty("grad_norm").GetDouble() > 0);

        var before = OnnxModel.Load(job.PathOf("model.onnx"));
        var trained = OnnxModel.Load(job.TrainedModel);
        Assert.Equal(["data_0"], trained.Graph.Input.Select(input => input.Name));
        Assert.Equal(before.Graph.Output.Select(output => output.Name), trained.Graph.Output.Select(output => output.Name));
        Assert.Equal(13, trained.GetOpsetVersion());
        var weights = trained.Graph.FindInitializer("conv10_w_0")!.ToSingles();
        Assert.Contains(weights, weight => weight != 0.02f);
        Assert.All(weights, weight => Assert.InRange(weight, 0.018f, 0.022f));
    }
}
