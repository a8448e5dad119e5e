using System.CommandLine;
using System.Globalization;
using System.Runtime.Intrinsics;
using OrtZero.Mpi;
using OrtZero.Runtime;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker doctor</c>: what training needs from this machine, what is there, and how to get the rest.</summary>
internal static class DoctorCommand
{
    internal static Command Create()
    {
        var command = new Command("doctor", "Prints the native libraries and execution providers found, and what is missing.");
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        var vectors = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        Line($"machine        {Environment.ProcessorCount} processors, {vectors}-bit vectors, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20} MiB of memory, .NET {Environment.Version}");
        return CheckRuntime() & CheckMpi() ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static bool CheckRuntime()
    {
        try
        {
            var library = OrtLibrary.Load();
            Line($"ONNX Runtime   {library.Version} at {library.Path}");
            Line($"providers      {string.Join(", ", library.Providers)}");

            // What a provider complains about is said by the lines.
            using var environment = new OrtEnvironment(library, OrtLogLevel.Fatal);
            foreach (var line in DoctorDevices.Lines(environment))
            {
                Line($"{line}");
            }

            return true;
        }
        catch (OrtLibraryException exception)
        {
            Line($"ONNX Runtime   missing: {exception.Message}");
            return false;
        }
    }

    // Loading MPI without a launcher would start a run of one process, so only its presence is looked for.
    private static bool CheckMpi()
    {
        var launch = LaunchEnvironment.Read();
        if (launch.Launcher == MpiLauncher.None)
        {
            Line($"MPI            not launched by mpiexec: this process would train alone; start mpiexec -n 2 rankworker doctor to check MPI");
            return true;
        }

        try
        {
            using var communicator = MpiEnvironment.Initialize();
            Line($"MPI            rank {communicator.Rank} of {communicator.Size}, {communicator.Description}");
            return true;
        }
        catch (MpiException exception)
        {
            Line($"MPI            {exception.Message} (Debian and Ubuntu: apt-get install mpich, or openmpi-bin)");
            return false;
        }
    }

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
