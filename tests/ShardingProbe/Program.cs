using OrtZero.Mpi;
using OrtZero.ShardingProbe;

var communicator = MpiEnvironment.Initialize();
try
{
    communicator.Timeout = TimeSpan.FromSeconds(60);
    if (args is ["optimizers"])
    {
        OptimizerMatrix.Run(communicator);
    }
    else
    {
        Matrix.Run(communicator);
    }

    communicator.Barrier();
    if (communicator.Rank == 0)
    {
        Console.WriteLine($"ok on {communicator.Size} ranks");
    }
}
catch (Exception exception)
{
    Console.Error.WriteLine($"rank {communicator.Rank}: {exception.Message}");
    communicator.Abort(42);
}

communicator.Dispose();
return 0;
