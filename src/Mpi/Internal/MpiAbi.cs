using System.Runtime.InteropServices;

namespace OrtZero.Mpi.Internal;

/// <summary>
/// The constants of mpi.h in one binary interface. Handles are nint in all of them: MPICH's are 32-bit integers and ignore the
/// upper half, the others are pointers.
/// </summary>
internal sealed record MpiAbi
{
    public required string Name { get; init; }

    public required nint World { get; init; }

    public required nint CommNull { get; init; }

    public required nint RequestNull { get; init; }

    public required nint Byte { get; init; }

    public required nint Int64 { get; init; }

    public required nint Float { get; init; }

    public required nint Double { get; init; }

    public required nint Sum { get; init; }

    public required nint Max { get; init; }

    public required nint Min { get; init; }

    public required nint ErrorsReturn { get; init; }

    public required nint InfoNull { get; init; }

    public required nint InPlace { get; init; }

    public required int CommTypeShared { get; init; }

    public required int AnySource { get; init; }

    public required int AnyTag { get; init; }

    public required int ThreadMultiple { get; init; }

    /// <summary>Room for MPI_Status in every ABI (the largest is 32 bytes).</summary>
    public const int StatusSize = 64;

    /// <summary>MPICH and its relatives (Intel MPI, MVAPICH, Cray), which share one ABI.</summary>
    public static MpiAbi Mpich { get; } = new()
    {
        Name = "MPICH",
        World = 0x44000000,
        CommNull = 0x04000000,
        RequestNull = 0x2c000000,
        Byte = 0x4c00010d,
        Int64 = 0x4c00083a,
        Float = 0x4c00040a,
        Double = 0x4c00080b,
        Sum = 0x58000003,
        Max = 0x58000001,
        Min = 0x58000002,
        ErrorsReturn = 0x54000001,
        InfoNull = 0x1c000000,
        InPlace = -1,
        CommTypeShared = 1,
        AnySource = -2,
        AnyTag = -1,
        ThreadMultiple = 3,
    };

    /// <summary>The ABI that MPI 5.0 standardizes (libmpi_abi).</summary>
    public static MpiAbi Standard { get; } = new()
    {
        Name = "MPI-5 ABI",
        World = 0x101,
        CommNull = 0x100,
        RequestNull = 0x180,
        Byte = 0x247,
        Int64 = 0x258,
        Float = 0x210,
        Double = 0x214,
        Sum = 0x21,
        Max = 0x22,
        Min = 0x23,
        ErrorsReturn = 0x143,
        InfoNull = 0x130,
        InPlace = 1,
        CommTypeShared = 221,
        AnySource = -1,
        AnyTag = -2,
        ThreadMultiple = 4096,
    };

    /// <summary>Open MPI up to version 4 and 5's own ABI: handles are addresses of exported objects.</summary>
    public static MpiAbi OpenMpi(nint library) => new()
    {
        Name = "Open MPI",
        World = NativeLibrary.GetExport(library, "ompi_mpi_comm_world"),
        CommNull = NativeLibrary.GetExport(library, "ompi_mpi_comm_null"),
        RequestNull = NativeLibrary.GetExport(library, "ompi_request_null"),
        Byte = NativeLibrary.GetExport(library, "ompi_mpi_byte"),
        Int64 = NativeLibrary.GetExport(library, "ompi_mpi_int64_t"),
        Float = NativeLibrary.GetExport(library, "ompi_mpi_float"),
        Double = NativeLibrary.GetExport(library, "ompi_mpi_double"),
        Sum = NativeLibrary.GetExport(library, "ompi_mpi_op_sum"),
        Max = NativeLibrary.GetExport(library, "ompi_mpi_op_max"),
        Min = NativeLibrary.GetExport(library, "ompi_mpi_op_min"),
        ErrorsReturn = NativeLibrary.GetExport(library, "ompi_mpi_errors_return"),
        InfoNull = NativeLibrary.GetExport(library, "ompi_mpi_info_null"),
        InPlace = 1,
        CommTypeShared = 0,
        AnySource = -1,
        AnyTag = -1,
        ThreadMultiple = 3,
    };

    /// <summary>Tells the ABI of a loaded library.</summary>
    public static MpiAbi Of(nint library, string path) =>
        NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _) ? OpenMpi(library)
        : Path.GetFileName(path).Contains("mpi_abi", StringComparison.Ordinal) ? Standard
        : Mpich;

    public nint Operation(ReduceOperation operation) => operation switch
    {
        ReduceOperation.Sum => Sum,
        ReduceOperation.Max => Max,
        _ => Min,
    };
}
