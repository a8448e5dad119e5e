using OrtZero.Mpi;
using OrtZero.Mpi.Internal;
using OrtZero.MpiProbe;

var mode = args.Length > 0 ? args[0] : "checks";
ICommunicator communicator;
try
{
    communicator = MpiEnvironment.Initialize();
}
catch (MpiException exception)
{
    Console.Error.WriteLine($"{exception.Error}: {exception.Message}");
    return 4;
}

if (mode is "throw-while-using" or "leave")
{
    // The wrong order that a program easily gets into: Dispose runs before the handler.
    try
    {
        using (communicator)
        {
            Failures.Run(communicator, "throw");
        }
    }
    catch (InvalidOperationException) when (mode == "leave")
    {
        return 2;
    }
    catch (InvalidOperationException)
    {
        communicator.Abort(43);
    }
}

try
{
    switch (mode)
    {
        case "checks":
            new CollectiveChecks(communicator).Run();
            new WireChecks(communicator).Run();
            new ConductChecks(communicator).Run();
            if (communicator.Rank == 0)
            {
                Console.WriteLine($"ok {Checks.Passed} checks, {communicator.Description}");
            }

            break;
        case "benchmark":
            CollectiveTimings.Run(communicator);
            break;
        case "large":
            LargeMessages.Run(communicator);
            break;
        default:
            Failures.Run(communicator, mode);
            break;
    }
}
catch (Exception exception)
{
    // One after the other, so that the lines of several ranks do not mix; the first ends the run.
    Thread.Sleep(300 * communicator.Rank);
    Console.Error.WriteLine($"rank {communicator.Rank}: {exception.Message}");
    communicator.Abort(exception is MpiException { Error: MpiError.TimedOut } ? 9 : 42);
}

if (mode == "farewell")
{
    MpiSession.ForceProcessManagerShutdown = true;
}

communicator.Dispose();
return mode == "farewell" ? 7 : 0;
