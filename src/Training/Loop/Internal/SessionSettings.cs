using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Training.Internal;

/// <summary>Session options as the configuration's <c>execution</c> section says.</summary>
internal static class SessionSettings
{
    internal static OrtSessionOptions Create(OrtEnvironment environment, ExecutionSection execution, ICommunicator communicator) => new(environment)
    {
        IntraOpThreads = execution.IntraOpThreads ?? Math.Max(1, Environment.ProcessorCount / communicator.LocalSize),
        InterOpThreads = 1,
        GraphOptimizationLevel = GraphOptimizationLevel.All,
    };
}
