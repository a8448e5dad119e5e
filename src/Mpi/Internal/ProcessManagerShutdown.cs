using System.Globalization;
using System.Text;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// Takes leave of MPICH's process manager directly (PMI-1: lines of text on the descriptor PMI_FD) instead of calling
/// MPI_Finalize, which hangs now and then in MPICH 4 when ranks are on several machines. The library's exit handlers must not run
/// after that, so the process then ends by _exit.
/// </summary>
internal static unsafe class ProcessManagerShutdown
{
    /// <summary>Runs the farewell; false if the launcher offers no such descriptor.</summary>
    public static bool TryRun(MpiLibrary library, TimeSpan timeout)
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable("PMI_FD"), NumberStyles.None, CultureInfo.InvariantCulture, out var descriptor))
        {
            return false;
        }

        AppDomain.CurrentDomain.ProcessExit += static (_, _) =>
        {
            Console.Out.Flush();
            Console.Error.Flush();
            LibC.ExitNow(Environment.ExitCode);
        };
        Write(descriptor, "cmd=barrier_in\n");
        Await(descriptor, "cmd=barrier_out", library, timeout);
        Write(descriptor, "cmd=finalize\n");
        Await(descriptor, "cmd=finalize_ack", library, timeout);
        return true;
    }

    private static void Write(int descriptor, string line)
    {
        var bytes = Encoding.ASCII.GetBytes(line);
        fixed (byte* data = bytes)
        {
            if (LibC.Write(descriptor, data, (nuint)bytes.Length) != bytes.Length)
            {
                throw new MpiException(MpiError.CallFailed, "The MPI launcher closed its connection to this rank before the run ended.");
            }
        }
    }

    private static void Await(int descriptor, string answer, MpiLibrary library, TimeSpan timeout)
    {
        var received = new StringBuilder();
        var status = stackalloc byte[MpiAbi.StatusSize];
        var buffer = stackalloc byte[256];
        var backoff = new Backoff(timeout);
        while (true)
        {
            var poll = new LibC.PollDescriptor { Descriptor = descriptor, Events = LibC.PollIn };
            if (LibC.Poll(&poll, 1, 0) > 0)
            {
                var count = LibC.Read(descriptor, buffer, 256);
                if (count <= 0)
                {
                    throw new MpiException(MpiError.CallFailed, "The MPI launcher closed its connection to this rank before the run ended.");
                }

                received.Append(Encoding.ASCII.GetString(buffer, (int)count));
                if (received.ToString().Split('\n').SkipLast(1).Any(line => line.StartsWith(answer, StringComparison.Ordinal)))
                {
                    return;
                }
            }

            // Other ranks may still need this one to pass on their last messages.
            int flag;
            library.Check(library.Iprobe(library.Abi.AnySource, library.Abi.AnyTag, library.Abi.World, &flag, status), "MPI_Iprobe");
            if (!backoff.Pause())
            {
                throw new MpiException(MpiError.TimedOut, $"The MPI launcher did not answer {answer} within {timeout}.");
            }
        }
    }
}
