namespace OrtZero.Mpi;

/// <summary>The kinds of failure that <see cref="MpiException"/> reports.</summary>
public enum MpiError
{
    /// <summary>No MPI library could be loaded, or it lacks a function.</summary>
    LibraryNotFound,

    /// <summary>The library is of another MPI implementation than the launcher, or lacks thread support.</summary>
    LibraryMismatch,

    /// <summary>An MPI call returned an error; the message carries MPI's own text.</summary>
    CallFailed,

    /// <summary>Ranks called different operations, or the same with different lengths. Only <see cref="ICommunicator.Abort"/> is safe afterwards.</summary>
    Mismatch,

    /// <summary>The process of a rank of this machine has ended. Only <see cref="ICommunicator.Abort"/> is safe afterwards.</summary>
    RankLost,

    /// <summary>Other ranks did not join within <see cref="ICommunicator.Timeout"/>. Only <see cref="ICommunicator.Abort"/> is safe afterwards.</summary>
    TimedOut,

    /// <summary>The communicator cannot be used: disposed, in use by another thread, or MPI failed before.</summary>
    Unusable,
}
