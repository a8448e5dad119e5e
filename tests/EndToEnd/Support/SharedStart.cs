using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Mpi;
using OrtZero.Onnx;
using OrtZero.Sharding;
using OrtZero.Training;

namespace OrtZero.EndToEnd.Support;

/// <summary>
/// Trains several configurations within one start of the ranks, because starting four of them takes longer than training a small model.
/// </summary>
internal static class SharedStart
{
    /// <summary>Starts the ranks, which do <see cref="Train"/>, and waits for a good end.</summary>
    public static void Run(int ranks, IEnumerable<Job> jobs)
    {
        using var run = ProgramRun.Start(
            "mpiexec.mpich", ["-n", $"{ranks}", "dotnet", typeof(SharedStart).Assembly.Location, "train", .. jobs.Select(job => job.Configuration)]);
        run.Expect(0);
    }

    /// <summary>Where the gradients of a configuration's first update are written.</summary>
    public static string GradientsOf(string configuration) => Path.Combine(Path.GetDirectoryName(configuration)!, "gradients.safetensors");

    /// <summary>On each rank: the first update's gradients of every configuration and then its training, as rankworker does both.</summary>
    public static int Train(string[] configurations)
    {
        var communicator = MpiEnvironment.Initialize();
        try
        {
            foreach (var path in configurations)
            {
                var configuration = TrainingConfiguration.Load(path, []);
                using (var run = TrainingRun.Open(configuration, communicator, NullLogger.Instance))
                {
                    var gradients = run.FirstGradients();
                    if (communicator.Rank == 0)
                    {
                        SafetensorsFile.Write(GradientsOf(path), [.. gradients.Select(gradient => new SafetensorsTensor(
                            gradient.Key, TensorElementType.Float, [gradient.Value.Length], MemoryMarshal.AsBytes(gradient.Value.AsSpan()).ToArray()))]);
                    }
                }

                using var training = TrainingRun.Open(configuration, communicator, NullLogger.Instance);
                training.Execute(CancellationToken.None);
            }
        }
        catch (Exception exception)
        {
            Console.Error.WriteLine($"rank {communicator.Rank}: {exception}");
            communicator.Abort(1);
        }

        communicator.Dispose();
        return 0;
    }
}
