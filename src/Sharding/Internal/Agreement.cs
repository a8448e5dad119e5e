using System.Text;
using OrtZero.Mpi;

namespace OrtZero.Sharding.Internal;

/// <summary>Makes what goes wrong on one rank go wrong on all, so that none waits for a rank that gave up.</summary>
internal static class Agreement
{
    /// <summary>Does something on every rank; when any rank fails, all throw. Collective.</summary>
    /// <exception cref="CheckpointException">A rank failed; the message is the first one's.</exception>
    public static void Run(ICommunicator ranks, Action action)
    {
        Exception? failure = null;
        try
        {
            action();
        }
        catch (Exception exception)
        {
            // Whatever it is, the other ranks are about to wait for this one: it is thrown again below, on every rank.
            failure = exception;
        }

        var messages = Texts(ranks, failure?.Message ?? "");
        var first = Array.FindIndex(messages, message => message.Length > 0);
        if (first >= 0)
        {
            throw new CheckpointException(
                ranks.Size > 1 ? $"{EndSentence(messages[first])} (rank {first})" : EndSentence(messages[first]), failure);
        }
    }

    /// <summary>Every rank's text, in rank order. Collective.</summary>
    public static string[] Texts(ICommunicator ranks, string own) =>
        Array.ConvertAll(ranks.AllGatherVariable(Encoding.UTF8.GetBytes(own)), Encoding.UTF8.GetString);

    private static string EndSentence(string message) => message.EndsWith('.') || message.EndsWith(')') ? message : message + ".";
}
