using System.Runtime.ExceptionServices;
using System.Text;
using OrtZero.Mpi;

namespace OrtZero.Training;

/// <summary>
/// Keeps ranks together around work that may fail on some of them only, so that none waits for a collective that the
/// others never reach, and so that one mistake made by all is reported once.
/// </summary>
public static class RankAgreement
{
    private static readonly object s_agreed = new();

    /// <summary>Whether every rank knows of a failure and ends on its own, so that none has to be stopped by force.</summary>
    public static bool IsAgreed(Exception failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        return failure is PeerFailedException or RankMismatchException || failure.Data.Contains(s_agreed);
    }

    /// <summary>Runs a stage on every rank and waits for all of them.</summary>
    /// <returns>What the stage returned here.</returns>
    /// <exception cref="PeerFailedException">Another rank failed, and it has a lower number or this one did not fail.</exception>
    /// <remarks>The failing rank with the lowest number throws its own exception.</remarks>
    public static T Run<T>(ICommunicator communicator, Func<T> stage)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        ArgumentNullException.ThrowIfNull(stage);
        T result = default!;
        Exception? failure = null;
        try
        {
            result = stage();
        }
        catch (Exception exception) when (communicator.Size > 1)
        {
            // Kept until every rank has been heard; rethrown or replaced below.
            failure = exception;
        }

        if (communicator.Size == 1)
        {
            return result;
        }

        var messages = communicator.AllGatherVariable(failure is null ? [] : [(byte)ExitCodes.Of(failure), .. Encoding.UTF8.GetBytes(failure.Message)]);
        var first = Array.FindIndex(messages, message => message.Length > 0);
        if (failure is not null && first == communicator.Rank)
        {
            failure.Data[s_agreed] = true;
            ExceptionDispatchInfo.Throw(failure);
        }

        return first < 0 ? result : throw new PeerFailedException(first, messages[first][0], Encoding.UTF8.GetString(messages[first].AsSpan(1)));
    }

    /// <summary>Runs a stage on every rank and waits for all of them.</summary>
    /// <exception cref="PeerFailedException">Another rank failed, and it has a lower number or this one did not fail.</exception>
    public static void Run(ICommunicator communicator, Action stage) => Run(communicator, () =>
    {
        stage();
        return true;
    });

    /// <summary>Requires that a text is the same on every rank.</summary>
    /// <param name="communicator">The ranks.</param>
    /// <param name="what">What the text stands for, as a plural: "the configurations".</param>
    /// <param name="text">This rank's text, such as a hash.</param>
    /// <param name="fix">What to do when they differ.</param>
    /// <exception cref="RankMismatchException">A rank has another text than rank 0; thrown on every rank.</exception>
    public static void RequireEqual(ICommunicator communicator, string what, string text, string fix)
    {
        ArgumentNullException.ThrowIfNull(communicator);
        var texts = communicator.AllGatherVariable(Encoding.UTF8.GetBytes(text));
        var different = Enumerable.Range(0, texts.Length).Where(rank => !texts[rank].AsSpan().SequenceEqual(texts[0])).ToList();
        if (different.Count > 0)
        {
            throw new RankMismatchException(
                $"{what} of rank{(different.Count > 1 ? "s" : "")} {string.Join(", ", different)} and rank 0 differ: {fix}");
        }
    }
}
