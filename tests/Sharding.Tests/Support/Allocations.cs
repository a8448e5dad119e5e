using OrtZero.Mpi;

namespace OrtZero.Sharding.Tests.Support;

/// <summary>What updates allocate once they are under way.</summary>
internal static class Allocations
{
    /// <summary>The bytes that the third update of one process allocates on its thread.</summary>
    public static long OfAnUpdate(TestModel model, int stage, UpdateSettings settings, int microBatches = 1)
    {
        using var engine = model.Engine(new SingleProcessCommunicator(), stage);
        var gradients = model.Trainable().Select(parameter => (parameter, model.Gradient(parameter, 0, 0))).ToArray();
        Update();
        Update();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Update();
        return GC.GetAllocatedBytesForCurrentThread() - before;

        void Update()
        {
            for (var index = 0; index < microBatches; index++)
            {
                engine.BeginMicroBatch(first: index == 0, last: index == microBatches - 1);
                foreach (var (parameter, gradient) in gradients)
                {
                    engine.Accumulate(parameter, gradient);
                }
            }

            engine.Step(settings);
        }
    }
}
