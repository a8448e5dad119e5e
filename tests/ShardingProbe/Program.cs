using OrtZero.Mpi;
using OrtZero.ShardingProbe;

var communicator = MpiEnvironment.Initialize();
try
{
    communicator.Timeout = TimeSpan.FromSeconds(60);
    Matrix.Run(communicator);
}
catch (Exception exception)
{
    Console.Error.WriteLine($"rank {communicator.Rank}: {exception.Message}");
    communicator.Abort(42);
}

communicator.Dispose();
return 0;
