using System.Runtime.InteropServices;
using OrtZero.Onnx;
using OrtZero.Sharding;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary><c>rankworker gradients CFG --out FILE</c>: the gradients of the first update, before clipping.</summary>
internal static class GradientsCommand
{
    internal static int Run(RunArguments arguments, string output) => RankProcess.Run(arguments, (process, configuration) =>
    {
        RankAgreement.Run(process.Communicator, () =>
        {
            if (process.IsFirst && !Directory.Exists(Path.GetDirectoryName(output)))
            {
                throw new ConfigurationException([$"--out names {output}, but there is no folder {Path.GetDirectoryName(output)}; make it or name another."]);
            }
        });
        using var run = TrainingRun.Open(configuration, process.Communicator, process.Logger);
        var gradients = run.FirstGradients();
        RankAgreement.Run(process.Communicator, () =>
        {
            if (process.IsFirst)
            {
                Write(output, run.Prepared, gradients);
                process.Display.WriteLine($"Wrote the gradients of {gradients.Count} parameters to {output}.");
            }
        });
        return ExitCodes.Done;
    });

    private static void Write(string output, PreparedModel prepared, IReadOnlyDictionary<string, float[]> gradients)
    {
        var tensors = prepared.Groups.Parameters.Where(parameter => !parameter.Frozen).Select(parameter => new SafetensorsTensor(
            parameter.Name, TensorElementType.Float, parameter.Shape, MemoryMarshal.AsBytes(gradients[parameter.Name].AsSpan()).ToArray()));
        SafetensorsFile.Write(output, [.. tensors]);
    }
}
