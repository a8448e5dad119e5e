namespace OrtZero.Runtime.Tests;

/// <summary>The library and one environment, shared by all tests of a class.</summary>
public sealed class RuntimeFixture : IDisposable
{
    public RuntimeFixture()
    {
        Library = OrtLibrary.Load();

        // Failures are provoked on purpose here, and come back as exceptions.
        Environment = new OrtEnvironment(Library, OrtLogLevel.Fatal);
    }

    public OrtLibrary Library { get; }

    public OrtEnvironment Environment { get; }

    public void Dispose() => Environment.Dispose();
}
