using OrtZero.Mpi.Internal;

namespace OrtZero.Mpi.Tests;

public sealed class MpiLibraryTests
{
    [Theory]
    [InlineData("MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7\n", "MPICH 4.0.2")]
    [InlineData("MPICH Version:      5.0.2\nMPICH ABI: 17\n", "MPICH 5.0.2")]
    [InlineData("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4\0", "Open MPI v4.1.4")]
    [InlineData("Intel(R) MPI Library 2021.9 for Linux* OS\n\0", "Intel(R) MPI Library 2021.9 for Linux* OS")]
    public void The_version_is_shortened_to_name_and_number(string text, string expected) =>
        Assert.Equal(expected, MpiLibrary.ShortVersion(text));

    [Theory]
    [InlineData("libmpi_abi.so.1", "MPI-5 ABI")]
    [InlineData("/opt/mpich/lib/libmpi_abi.so.1.0.0", "MPI-5 ABI")]
    [InlineData("libmpich.so.12", "MPICH")]
    [InlineData("/opt/intel/libmpi.so.12", "MPICH")]
    public void A_library_without_the_symbols_of_Open_MPI_is_told_by_its_name(string path, string expected)
    {
        // The C library stands for any that exports no ompi_ symbols.
        var library = System.Runtime.InteropServices.NativeLibrary.Load("libc.so.6");
        Assert.Equal(expected, MpiAbi.Of(library, path).Name);
    }
}
