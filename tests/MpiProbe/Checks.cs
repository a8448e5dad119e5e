using OrtZero.Mpi;

namespace OrtZero.MpiProbe;

/// <summary>Checks that every rank makes. Rank 0 prints a line per check; a wrong value throws.</summary>
internal abstract class Checks(ICommunicator communicator)
{
    /// <summary>How many checks went well.</summary>
    public static int Passed { get; private set; }

    protected ICommunicator Communicator => communicator;

    protected int Rank => communicator.Rank;

    protected int Size => communicator.Size;

    protected void Check(string name, Action check)
    {
        try
        {
            check();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{name}: {exception.Message}", exception);
        }

        Passed++;
        if (Rank == 0)
        {
            Console.WriteLine(name);
        }
    }

    protected static void Fill<T>(Span<T> data, Func<int, T> value)
    {
        for (var i = 0; i < data.Length; i++)
        {
            data[i] = value(i);
        }
    }

    protected static void Fill<T>(T[] data, Func<int, T> value) => Fill(data.AsSpan(), value);

    protected static void Equal<T>(ReadOnlySpan<T> data, Func<int, T> expected)
        where T : IEquatable<T>
    {
        for (var i = 0; i < data.Length; i++)
        {
            if (!data[i].Equals(expected(i)))
            {
                throw new InvalidOperationException($"element {i} is {data[i]} instead of {expected(i)}");
            }
        }
    }

    protected static void Equal<T>(Span<T> data, Func<int, T> expected)
        where T : IEquatable<T> => Equal((ReadOnlySpan<T>)data, expected);

    protected static void Equal<T>(T[] data, Func<int, T> expected)
        where T : IEquatable<T> => Equal((ReadOnlySpan<T>)data, expected);

    protected static void True(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }

    protected static TException Throws<TException>(Action action)
        where TException : Exception
    {
        try
        {
            action();
        }
        catch (TException exception)
        {
            return exception;
        }

        throw new InvalidOperationException($"no {typeof(TException).Name}");
    }
}
