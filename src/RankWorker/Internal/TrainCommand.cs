using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker CFG</c>: trains.</summary>
internal static class TrainCommand
{
    internal static int Run(RunArguments arguments) => RankProcess.Run(arguments, (process, configuration) =>
    {
        using var signals = new StopSignals();
        using var run = TrainingRun.Open(configuration, process.Communicator, process.Logger, arguments.MaxIterations, diagnoses: arguments.Debug);
        if (process.IsFirst)
        {
            run.Observe(process.Display);
        }

        using var coordination = Coordination.Join(process, configuration, run.Description);
        if (coordination.Observer is { } observer)
        {
            run.Observe(observer);
        }

        var summary = run.Execute(signals.Token);
        if (process.IsFirst)
        {
            SummaryPrinter.Print(process.Display, summary, run.Sample());
            if (summary.Outcome == RunOutcome.Stopped)
            {
                process.Display.WriteLine("Stopped before its end: start it again with --resume auto to go on from the checkpoint.");
            }
        }

        return summary.Outcome == RunOutcome.Stopped ? ExitCodes.Stopped : ExitCodes.Done;
    });
}
