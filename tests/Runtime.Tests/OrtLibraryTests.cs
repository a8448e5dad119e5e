using OrtZero.Runtime.Internal;

namespace OrtZero.Runtime.Tests;

public sealed class OrtLibraryTests
{
    [Fact]
    public void The_npm_library_is_found_from_the_applications_folder()
    {
        var library = OrtLibrary.Load();

        Assert.StartsWith("1.", library.Version, StringComparison.Ordinal);
        Assert.Contains("CPUExecutionProvider", library.Providers);
        Assert.True(File.Exists(library.Path));
        Assert.Same(library, OrtLibrary.Load(library.Path));
    }

    [Fact]
    public void A_missing_path_is_named_with_the_way_to_get_it()
    {
        var error = Assert.Throws<OrtLibraryException>(() => OrtLibrary.Load("nowhere/libonnxruntime.so.1"));

        Assert.Contains("nowhere/libonnxruntime.so.1", error.Message, StringComparison.Ordinal);
        Assert.Contains("npm ci --ignore-scripts", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variable_naming_a_missing_file_is_blamed_itself()
    {
        var error = Assert.Throws<OrtLibraryException>(() => LibraryLocator.Find(null, "nowhere.so", []));

        Assert.Contains("ORTZERO_ORT_LIBRARY names 'nowhere.so'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_any_library_the_searched_folders_and_the_cure_are_named()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var error = Assert.Throws<OrtLibraryException>(() => LibraryLocator.Find(null, null, [folder]));

            Assert.Contains(folder, error.Message, StringComparison.Ordinal);
            Assert.Contains("npm ci --ignore-scripts", error.Message, StringComparison.Ordinal);
            Assert.Contains("ORTZERO_ORT_LIBRARY", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_library_beside_the_application_wins_over_node_modules_above_it()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var application = Directory.CreateDirectory(Path.Combine(folder, "app", "bin")).FullName;
            var package = Directory.CreateDirectory(
                Path.Combine(folder, "node_modules", "onnxruntime-node", "bin", "napi-v6", LibraryLocator.Platform)).FullName;
            var packaged = Path.Combine(package, LibraryLocator.FileNames[0]);
            File.WriteAllText(packaged, string.Empty);

            Assert.Equal(packaged, LibraryLocator.Find(null, null, [application]));

            var beside = Path.Combine(application, LibraryLocator.FileNames[0]);
            File.WriteAllText(beside, string.Empty);
            Assert.Equal(beside, LibraryLocator.Find(null, null, [application]));
            Assert.Equal(packaged, LibraryLocator.Find(null, packaged, [application]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_file_that_is_no_library_is_refused_by_name()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var path = Path.Combine(folder, "libonnxruntime.so.1");
            File.WriteAllText(path, "not a library");

            var error = Assert.Throws<OrtLibraryException>(() => OrtLibrary.Load(path));

            Assert.Contains($"'{path}' cannot be loaded as ONNX Runtime", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Another_native_library_is_refused_by_name()
    {
        var other = Directory.GetFiles(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.*").Single();

        var error = Assert.Throws<OrtLibraryException>(() => OrtLibrary.Load(other));

        Assert.Contains($"'{other}' is not ONNX Runtime", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_is_too_old_is_refused_with_both_versions()
    {
        // An old library offers a shorter table; asking this one for no more than version 1 has the same effect.
        var error = Assert.Throws<OrtLibraryException>(() => OrtLibrary.Bind(RepositoryPaths.OrtLibrary, newestApi: 1));

        Assert.Contains(RepositoryPaths.OrtLibrary, error.Message, StringComparison.Ordinal);
        Assert.Contains("1.18 or newer is needed", error.Message, StringComparison.Ordinal);
    }
}
