using System.Runtime.CompilerServices;

namespace OrtZero.Coordinator;

/// <summary>Reads a stream with <c>await foreach</c>.</summary>
public static class RpcStreamReaderExtensions
{
    /// <summary>All messages to the end of the stream.</summary>
    public static async IAsyncEnumerable<T> ReadAllAsync<T>(
        this IRpcStreamReader<T> reader, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reader);
        while (await reader.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            yield return reader.Current;
        }
    }
}
