using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>Turns whatever went wrong into one sentence on standard error and an exit code.</summary>
internal static class Failures
{
    /// <summary>Runs a command of one process.</summary>
    internal static int Guard(RunArguments arguments, Func<int> command) => Guard(arguments.Verbose, command);

    /// <summary>Runs a command of one process.</summary>
    internal static int Guard(bool verbose, Func<int> command)
    {
        try
        {
            return command();
        }
        catch (Exception exception)
        {
            Report(exception, verbose);
            return ExitCodes.Of(exception);
        }
    }

    /// <summary>Writes the message, and with <paramref name="verbose"/> the stack.</summary>
    internal static void Report(Exception exception, bool verbose, int? rank = null)
    {
        var origin = rank is null ? "error" : $"error on rank {rank}";
        Console.Error.WriteLine($"{origin}: {(verbose ? exception.ToString() : exception.Message)}");
        Console.Error.Flush();
    }
}
