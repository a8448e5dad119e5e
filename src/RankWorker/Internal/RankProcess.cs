using Microsoft.Extensions.Logging;
using OrtZero.Mpi;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>
/// One rank's process around a command: starts and ends MPI, and sees to it that a failure on any rank ends all of them
/// within seconds, is told once, and gives the exit code.
/// </summary>
internal sealed class RankProcess
{
    private static readonly TimeSpan s_abortLimit = TimeSpan.FromSeconds(30);

    private RankProcess(RunArguments arguments, ICommunicator communicator)
    {
        Arguments = arguments;
        Communicator = communicator;
        Display = new ProgressDisplay(communicator.Rank == 0 ? Console.Out : TextWriter.Null, Terminal.IsWatched);
        Logger = new LineLogger(Display, communicator.Rank, arguments.Verbose ? LogLevel.Information : LogLevel.Warning);
    }

    internal RunArguments Arguments { get; }

    internal ICommunicator Communicator { get; }

    internal ProgressDisplay Display { get; }

    internal ILogger Logger { get; }

    internal bool IsFirst => Communicator.Rank == 0;

    /// <summary>Runs a command on every rank.</summary>
    internal static int Run(RunArguments arguments, Func<RankProcess, TrainingConfiguration, int> command)
    {
        ICommunicator communicator;
        try
        {
            communicator = arguments.Debug ? new SingleProcessCommunicator() : MpiEnvironment.Initialize();
        }
        catch (Exception exception)
        {
            // Ranks cannot talk to each other yet; each knows only which one the launcher says it is.
            if (LaunchedRank() is null or "0")
            {
                Failures.Report(exception, arguments.Verbose);
            }

            return ExitCodes.Of(exception);
        }

        var marker = default(FailureMarker);
        try
        {
            var process = new RankProcess(arguments, communicator);
            var configuration = RankAgreement.Run(
                communicator, () => TrainingConfiguration.Load(arguments.ConfigurationPath, arguments.Overrides));
            marker = new FailureMarker(configuration.WorkDir);
            if (process.IsFirst)
            {
                marker.Clear();
            }

            communicator.Barrier();
            return End(communicator, command(process, configuration));
        }
        // A filter runs before anything between the failure and here is disposed. Were the embedded coordinator gone first,
        // ranks that wait for this one would warn of that before they are ended.
        catch (Exception exception) when (AbortIfOthersWait(exception, arguments, communicator, marker))
        {
            return Fail(exception, arguments, communicator);
        }
    }

    private static string? LaunchedRank() => Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK")
        ?? Environment.GetEnvironmentVariable("PMI_RANK") ?? Environment.GetEnvironmentVariable("PMIX_RANK");

    // True, or it does not return: the others wait in a collective that this rank will never reach, and the launcher ends all.
    private static bool AbortIfOthersWait(Exception exception, RunArguments arguments, ICommunicator communicator, FailureMarker? marker)
    {
        if (communicator.Size > 1 && !RankAgreement.IsAgreed(exception))
        {
            if (marker is null || marker.IsFirst())
            {
                Failures.Report(exception, arguments.Verbose, communicator.Rank);
            }

            communicator.Abort(ExitCodes.Of(exception));
        }

        return true;
    }

    // Every rank knows of the failure and ends by itself; the one it happened on, or the first of several, tells it.
    private static int Fail(Exception exception, RunArguments arguments, ICommunicator communicator)
    {
        if (exception is not PeerFailedException && (exception is not RankMismatchException || communicator.Rank == 0))
        {
            Failures.Report(exception, arguments.Verbose);
        }

        return End(communicator, ExitCodes.Of(exception));
    }

    // Where ranks just exit with another code than 0, MPICH 4.0's launcher now and then drops what they wrote or reports a code
    // of its own. After an abort it does neither, so once every rank is here, having written all it had to, rank 0 aborts.
    private static int End(ICommunicator communicator, int code)
    {
        if (code != ExitCodes.Done && communicator.Size > 1)
        {
            Console.Out.Flush();
            communicator.Barrier();
            if (communicator.Rank == 0)
            {
                communicator.Abort(code);
            }

            Thread.Sleep(s_abortLimit);
            return code;
        }

        communicator.Dispose();
        return code;
    }
}
