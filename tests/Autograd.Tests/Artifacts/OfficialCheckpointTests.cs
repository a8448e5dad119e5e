using System.Buffers.Binary;
using OrtZero.Autograd.Internal;
using OrtZero.Onnx;
using OrtZero.Onnx.Protobuf;

namespace OrtZero.Autograd.Tests;

/// <summary>Official checkpoint files: those of ONNX Runtime's own tests, our own, and damaged ones.</summary>
public class OfficialCheckpointTests
{
    private static string Fixture(string name) => RepositoryPaths.Fixture("ort-artifacts", name);

    [Fact]
    public void The_official_checkpoint_is_read_by_name_shape_and_value()
    {
        var checkpoint = OfficialCheckpoint.Load(Fixture("checkpoint.ckpt"));
        Assert.Equal(["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"], checkpoint.Trainable.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Equal([500, 784], checkpoint.Trainable.Single(tensor => tensor.Name == "fc1.weight").Shape());
        Assert.All(checkpoint.Trainable.SelectMany(tensor => tensor.ToSingles()), value => Assert.InRange(value, -0.1f, 0.1f));
        Assert.Empty(checkpoint.Frozen);
        Assert.Empty(checkpoint.OptimizerGroups);
        Assert.False(checkpoint.IsNominal);
    }

    [Theory]
    [InlineData("checkpoint.ckpt")]
    [InlineData("nominal_checkpoint")]
    public void Official_files_survive_read_write_and_read(string name)
    {
        var checkpoint = OfficialCheckpoint.Load(Fixture(name));
        AssertEqual(checkpoint, OfficialCheckpoint.Parse(checkpoint.ToBytes()));
        Assert.Equal(checkpoint.ToBytes(), OfficialCheckpoint.Parse(checkpoint.ToBytes()).ToBytes());
    }

    [Fact]
    public void The_nominal_form_is_the_official_one()
    {
        var nominal = OfficialCheckpoint.Load(Fixture("nominal_checkpoint"));
        Assert.True(nominal.IsNominal);
        var made = OfficialCheckpoint.Load(Fixture("checkpoint.ckpt")).ToNominal();

        // The runtime saves parameters sorted by name, the tool in the order of the model.
        AssertEqual(Sorted(nominal), Sorted(made));

        static OfficialCheckpoint Sorted(OfficialCheckpoint checkpoint) =>
            checkpoint with { Trainable = [.. checkpoint.Trainable.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)] };
    }

    [Fact]
    public void Optimizer_states_and_properties_survive()
    {
        var checkpoint = Full();
        AssertEqual(checkpoint, OfficialCheckpoint.Parse(checkpoint.ToBytes()));
    }

    [Fact]
    public void Large_parameters_go_into_a_data_file_as_the_official_runtime_does_it()
    {
        var folder = RepositoryPaths.NewTemporaryFolder();
        try
        {
            var path = Path.Combine(folder, "checkpoint");
            OfficialCheckpointFile.Save(Full(), path, externalThreshold: 1);
            Assert.Equal(4 * 40, new FileInfo($"{path}.data").Length);
            AssertEqual(Full(), OfficialCheckpoint.Load(path));
            Assert.Contains("second file", Assert.Throws<ArtifactException>(() => OfficialCheckpoint.Parse(File.ReadAllBytes(path))).Message, StringComparison.Ordinal);

            using (var data = File.OpenWrite($"{path}.data"))
            {
                data.SetLength(100);
            }

            Assert.Contains("'checkpoint.data' has 100 bytes", Assert.Throws<ArtifactException>(() => OfficialCheckpoint.Load(path)).Message, StringComparison.Ordinal);
            File.Delete($"{path}.data");
            Assert.Contains("'checkpoint.data' is missing", Assert.Throws<ArtifactException>(() => OfficialCheckpoint.Load(path)).Message, StringComparison.Ordinal);
            Full().Save(path);
            Assert.Equal([path], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Every_truncation_is_an_error_that_names_the_file()
    {
        foreach (var bytes in (byte[][])[File.ReadAllBytes(Fixture("nominal_checkpoint")), Full().ToBytes()])
        {
            // The last bytes may be padding.
            for (var length = 0; length < bytes.Length - 4; length++)
            {
                var exception = Assert.Throws<ArtifactException>(() => OfficialCheckpoint.Parse(bytes.AsMemory(0, length), "half.ckpt"));
                Assert.StartsWith("half.ckpt ", exception.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Damage_anywhere_gives_an_error_or_another_content_but_nothing_else()
    {
        var refused = 0;
        foreach (var original in (byte[][])[File.ReadAllBytes(Fixture("nominal_checkpoint")), Full().ToBytes()])
        {
            for (var place = 0; place < original.Length; place++)
            {
                foreach (byte damage in (ReadOnlySpan<byte>)[0x00, 0x01, 0x7f, 0x80, 0xff])
                {
                    var bytes = original.ToArray();
                    bytes[place] = damage;
                    refused += Record.Exception(() => OfficialCheckpoint.Parse(bytes)) switch
                    {
                        null => 0,
                        ArtifactException => 1,
                        var other => throw new InvalidOperationException($"Byte {place} as {damage}", other),
                    };
                }
            }
        }

        Assert.True(refused > 500, $"Only {refused} damaged files were noticed.");
    }

    [Fact]
    public void Other_versions_and_other_files_are_refused_by_name()
    {
        var bytes = new OfficialCheckpoint().ToBytes();
        var other = bytes.ToArray();
        other[4] = (byte)'X';
        Assert.Contains("identifier \"ODTC\"", Assert.Throws<ArtifactException>(() => OfficialCheckpoint.Parse(other)).Message, StringComparison.Ordinal);

        // The version is the root's first four-byte field, behind the offset to its description.
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(BinaryPrimitives.ReadInt32LittleEndian(bytes) + 4), 1);
        Assert.Contains("version is 1", Assert.Throws<ArtifactException>(() => OfficialCheckpoint.Parse(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Types_the_official_runtime_does_not_load_are_not_written()
    {
        var checkpoint = new OfficialCheckpoint { Trainable = [TensorFactory.Raw("w", TensorElementType.Float16, [1], [0, 0])] };
        Assert.Contains("'w' has the type Float16", Assert.Throws<ArtifactException>(checkpoint.ToBytes).Message, StringComparison.Ordinal);
    }

    internal static void AssertEqual(OfficialCheckpoint expected, OfficialCheckpoint actual)
    {
        Assert.Equal(expected.Trainable, actual.Trainable);
        Assert.Equal(expected.Frozen, actual.Frozen);
        Assert.Equal(expected.IsNominal, actual.IsNominal);
        Assert.Equal(expected.Integers, actual.Integers);
        Assert.Equal(expected.Floats, actual.Floats);
        Assert.Equal(expected.Strings, actual.Strings);
        Assert.Equal(
            expected.OptimizerGroups.Select(group => (group.Name, group.Step, group.InitialLearningRate)),
            actual.OptimizerGroups.Select(group => (group.Name, group.Step, group.InitialLearningRate)));
        foreach (var (left, right) in expected.OptimizerGroups.SelectMany(group => group.States).Zip(actual.OptimizerGroups.SelectMany(group => group.States), ValueTuple.Create))
        {
            Assert.Equal(left.Parameter, right.Parameter);
            Assert.Equal(left.Moments, right.Moments);
        }
    }

    private static OfficialCheckpoint Full()
    {
        var weight = TensorFactory.FromSingles("fc.weight", [10, 4], [.. Enumerable.Range(0, 40).Select(i => i / 7f)]);
        return new OfficialCheckpoint
        {
            Trainable = [weight, TensorFactory.Scalar("scale", 0.25f)],
            Frozen = [TensorFactory.FromInt64s("steps", [1], [5])],
            OptimizerGroups =
            [
                new OptimizerGroupState("group0", 7, 0.125f,
                [
                    new ParameterMoments("fc.weight", [Named(weight, "momentum0"), Named(weight, "momentum1")]),
                    new ParameterMoments("scale", [TensorFactory.Scalar("momentum0", 1f), TensorFactory.Scalar("momentum1", 2f)]),
                ]),
            ],
            Integers = new Dictionary<string, long> { ["epoch"] = 3, ["zero"] = 0 },
            Floats = new Dictionary<string, float> { ["loss"] = 1.5f },
            Strings = new Dictionary<string, string> { ["name"] = "Größe" },
        };
    }

    private static TensorProto Named(TensorProto tensor, string name)
    {
        var copy = tensor.Clone();
        copy.Name = name;
        return copy;
    }
}
