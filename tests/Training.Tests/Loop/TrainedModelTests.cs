using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrtZero.Mpi;
using OrtZero.Runtime;

namespace OrtZero.Training.Tests;

/// <summary>The file a run leaves is the model it evaluated.</summary>
public sealed class TrainedModelTests : IDisposable
{
    private const int Batch = 8;
    private const float LargestDifference = 1e-5f;

    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("vlm.onnx")]
    [InlineData("vlm_default_export.onnx")]
    public void Trained_file_gives_the_evaluations_scores_in_a_plain_session(string model)
    {
        var image = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "image.npy")).Singles;
        var ids = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "input_ids.npy")).Integers;
        var labels = NpyArray.Load(RepositoryPaths.Fixture("vlm", "golden", "labels.npy")).Integers;
        WriteNpy("image.npy", "<f4", "160, 1, 28, 28", MemoryMarshal.AsBytes(image.AsSpan()));
        WriteNpy("ids.npy", "<i8", "160, 16", MemoryMarshal.AsBytes(ids.AsSpan()));
        WriteNpy("labels.npy", "<i8", "160, 16", MemoryMarshal.AsBytes(labels.AsSpan()));
        File.Copy(RepositoryPaths.Fixture("vlm", model), Path.Combine(_folder, "model.onnx"));
        File.WriteAllText(Path.Combine(_folder, "cfg.json"), """
            {
              "model": { "path": "model.onnx", "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels" } },
              "data": {
                "train": { "fields": { "image": "image.npy", "input_ids": "ids.npy", "labels": "labels.npy" } },
                "val": { "fields": { "image": "image.npy", "input_ids": "ids.npy", "labels": "labels.npy" } }
              },
              "train_cfg": { "max_iters": 6 },
              "micro_batch_size": 8,
              "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 1e-3 } },
              "execution": { "intra_op_threads": 1 }
            }
            """);
        using var communicator = new SingleProcessCommunicator();
        using var run = TrainingRun.Open(TrainingConfiguration.Load(Path.Combine(_folder, "cfg.json")), communicator, NullLogger.Instance);
        var summary = run.Execute(CancellationToken.None);
        using var pictures = OrtTensor.FromSingles(image.AsSpan(0, Batch * 28 * 28), Batch, 1, 28, 28);
        using var tokens = OrtTensor.FromInt64s(ids.AsSpan(0, Batch * 16), Batch, 16);
        using var targets = OrtTensor.FromInt64s(labels.AsSpan(0, Batch * 16), Batch, 16);

        var evaluated = run.Evaluator!.Scores(new Dictionary<string, OrtTensor> { ["image"] = pictures, ["input_ids"] = tokens, ["labels"] = targets });
        using var environment = new OrtEnvironment(OrtLibrary.Load());
        using var session = OrtSession.Open(environment, summary.ModelPath!);
        using var plain = session.Run(new Dictionary<string, OrtTensor> { ["image"] = pictures, ["input_ids"] = tokens })[0];

        Assert.Equal(Batch * 16 * 32, evaluated.Length);
        Assert.InRange(evaluated.Zip(plain.Span<float>().ToArray(), (a, b) => Math.Abs(a - b)).Max(), 0, LargestDifference);
        Assert.Equal(["image", "input_ids"], session.Inputs.Select(input => input.Name));
        Assert.Equal(["logits"], session.Outputs.Select(output => output.Name));
    }

    private void WriteNpy(string name, string type, string shape, ReadOnlySpan<byte> data)
    {
        var header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}".PadRight(117) + "\n";
        using var file = File.Create(Path.Combine(_folder, name));
        file.Write([0x93, .. "NUMPY"u8, 1, 0]);
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)header.Length);
        file.Write(length);
        file.Write(Encoding.Latin1.GetBytes(header));
        file.Write(data);
    }
}
