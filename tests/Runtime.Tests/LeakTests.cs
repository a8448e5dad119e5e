using System.Diagnostics;

namespace OrtZero.Runtime.Tests;

/// <summary>Measures the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
[Collection("Alone")]
public sealed class LeakTests(RuntimeFixture runtime) : IClassFixture<RuntimeFixture>
{
    [Fact]
    public void Opening_and_closing_a_thousand_sessions_leaks_nothing()
    {
        using var options = new OrtSessionOptions(runtime.Environment) { IntraOpThreads = 1 };
        var model = TestModels.Doubling().ToBytes();
        OpenAndClose(model, options, 100);
        var files = OpenFiles();

        // A leak grows in every round; what heaps and caches take once does not. A session of this model takes about
        // 100 kB, so a leaked one per cycle would be 25 MB in each round.
        var growth = Enumerable.Range(0, 4).Select(_ =>
        {
            var before = ResidentBytes();
            OpenAndClose(model, options, 250);
            return ResidentBytes() - before;
        }).ToList();

        Assert.InRange(growth.Min(), long.MinValue, 2L << 20);
        Assert.InRange(OpenFiles() - files, int.MinValue, 5);
    }

    [Fact]
    public void Forgotten_objects_are_released_by_the_collector()
    {
        var model = TestModels.Doubling().ToBytes();
        using var options = new OrtSessionOptions(runtime.Environment) { IntraOpThreads = 1 };
        ForgetSessions(model, options, 20);
        Collect();

        var growth = Enumerable.Range(0, 4).Select(_ =>
        {
            var before = ResidentBytes();
            ForgetSessions(model, options, 50);
            Collect();
            return ResidentBytes() - before;
        }).ToList();

        // Every session holds a 1 MiB tensor here, so forgetting them for good would be 50 MiB in each round.
        Assert.InRange(growth.Min(), long.MinValue, 10L << 20);
    }

    private static void OpenAndClose(byte[] model, OrtSessionOptions options, int count)
    {
        for (var i = 0; i < count; i++)
        {
            using var environment = new OrtEnvironment(OrtLibrary.Load(), OrtLogLevel.Fatal);
            using var session = OrtSession.Open(environment, model, options);
            using var x = OrtTensor.FromSingles([1, 2], 2);
            using var binding = session.CreateBinding();
            binding.Input("x", x);
            binding.OutputToCpu("y");
            session.Run(binding);
            binding.Outputs()[0].Dispose();
        }

        Collect();
    }

    private void ForgetSessions(byte[] model, OrtSessionOptions options, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var buffer = new AlignedBuffer(1 << 20);
            buffer.Span<byte>().Fill(1);
            var session = OrtSession.Open(runtime.Environment, model, options);
            var x = OrtTensor.Wrap(buffer, 0, OrtZero.Onnx.TensorElementType.Float, [1 << 18]);
            var binding = session.CreateBinding();
            binding.Input("x", x);
        }
    }

    private static void Collect()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static int OpenFiles() => OperatingSystem.IsLinux() ? Directory.GetFiles("/proc/self/fd").Length : 0;
}
