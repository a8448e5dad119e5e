using OrtZero.Mpi;
using OrtZero.Sharding.Tests.Optimizers;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.ShardingProbe;

/// <summary>Every optimizer at every stage, sharded over the ranks and alone in this process: every parameter must have the same bits.</summary>
internal static class OptimizerMatrix
{
    private const int Updates = 4;

    public static void Run(ICommunicator ranks)
    {
        foreach (var (name, optimizer) in OptimizerCase.All)
        {
            var job = new OptimizerJob(optimizer.Settings);
            using var single = new SingleProcessCommunicator();
            var expected = Train(job, single, stage: 0, bucket: 1 << 20);
            foreach (var stage in (int[])[0, 1, 2, 3])
            {
                try
                {
                    TestModel.AssertSameBits(expected, Train(job, ranks, stage, bucket: 700));
                }
                catch (Exception exception)
                {
                    throw new InvalidOperationException($"{name} at stage {stage}: {exception.Message}", exception);
                }
            }

            if (ranks.Rank == 0)
            {
                Console.WriteLine($"{name} on {ranks.Size} ranks at stages 0 to 3");
            }
        }
    }

    private static Dictionary<string, float[]> Train(OptimizerJob job, ICommunicator ranks, int stage, long bucket)
    {
        using var engine = job.Model.Engine(ranks, stage, bucket);
        job.Continue(engine, 0, Updates);
        return job.Model.Snapshot(engine);
    }
}
