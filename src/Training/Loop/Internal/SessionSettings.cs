using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>Session options as the configuration's <c>execution</c> section says.</summary>
internal static class SessionSettings
{
    /// <summary>
    /// For the training graph: on one thread when weights must come out the same for any number of threads. ONNX Runtime
    /// divides the columns of matrix products among threads, and how it blocks their inner axis follows from the columns of a thread, which
    /// rounds sums in other places (docs/sharding.md names the shapes). And
    /// with every operator as it is written: ONNX Runtime's fusions round differently, and depend on what else reads a value, so that
    /// recomputation would show in the last bits. That costs no measurable time; what matters is fused before.
    /// </summary>
    internal static OrtSessionOptions ForTraining(OrtEnvironment environment, TrainingConfiguration configuration, ICommunicator communicator)
    {
        var options = Create(
            environment,
            configuration.Randomness.Deterministic ? configuration.Execution with { IntraOpThreads = 1 } : configuration.Execution,
            communicator,
            TrainingLevel(configuration));
        // With patterns ONNX Runtime takes one block for all activations of a run, beside the pieces that the first run left in its arena:
        // twice the memory of activations, and no measurable time saved.
        options.MemoryPattern = false;
        return options;
    }

    /// <summary>How much ONNX Runtime may rewrite the training graph.</summary>
    internal static GraphOptimizationLevel TrainingLevel(TrainingConfiguration configuration) =>
        configuration.Randomness.Deterministic ? GraphOptimizationLevel.None : GraphOptimizationLevel.All;

    /// <summary>For a graph that runs on the chosen provider.</summary>
    internal static OrtSessionOptions For(
        OnnxModel graph, TrainingMaterials materials, ICommunicator communicator, GraphOptimizationLevel level = GraphOptimizationLevel.All)
    {
        var options = Create(materials.Environment, materials.Configuration.Execution, communicator, level);
        materials.Provider.Add(options, graph);
        return options;
    }

    internal static OrtSessionOptions Create(
        OrtEnvironment environment, ExecutionSection execution, ICommunicator communicator, GraphOptimizationLevel level = GraphOptimizationLevel.All)
    {
        var options = new OrtSessionOptions(environment)
        {
            IntraOpThreads = execution.IntraOpThreads ?? Math.Max(1, Environment.ProcessorCount / communicator.LocalSize),
            InterOpThreads = 1,
            GraphOptimizationLevel = level,
        };

        // Idle threads spin until the next operator comes. By default they do so for long, and whoever else wants the core, such
        // as the communication thread or another program, waits; this is enough to bridge the gap between two operators.
        options.SetConfig("session.intra_op.spin_duration_us", "50");
        return options;
    }
}
