using System.Text.Json;
using OrtZero.Mpi;
using OrtZero.Sharding.Internal;
using OrtZero.Sharding.Tests.Support;

namespace OrtZero.Sharding.Tests;

public sealed class ShardedCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestModel _model = new(new ParamwiseRules
    {
        NormDecayMult = 0,
        CustomKeys = new Dictionary<string, CustomKeyRule> { ["vision."] = new() { LrMult = 0.1 } },
    });

    public void Dispose() => _folder.Dispose();

    public static TheoryData<int, int> Writers()
    {
        var writers = new TheoryData<int, int>();
        foreach (var (world, stage) in from world in new[] { 1, 2, 3, 4 } from stage in new[] { 0, 1, 2, 3 } select (world, stage))
        {
            writers.Add(world, stage);
        }

        return writers;
    }

    [Theory]
    [MemberData(nameof(Writers))]
    public void Training_goes_on_as_if_nothing_had_happened_at_any_world_size_and_stage(int world, int stage)
    {
        using var undisturbed = _model.Engine(new SingleProcessCommunicator(), 1);
        ZeroEngineTests.Train(_model, undisturbed, 4, maxNorm: 10);
        var expected = _model.Snapshot(undisturbed);
        var saved = Save(world, stage, updates: 3, step: 20);

        foreach (var (nextWorld, nextStage) in from nextWorld in new[] { 1, 2, 3, 4 } from nextStage in new[] { 0, 1, 2, 3 } select (nextWorld, nextStage))
        {
            var resumed = ThreadCommunicator.Run(nextWorld, ranks =>
            {
                using var engine = _model.Engine(ranks, nextStage, bucket: 700);
                var (path, manifest) = ShardedCheckpoint.LoadLatest(_folder.Path, engine)!.Value;
                Assert.Equal(saved, path);
                Assert.Equal(3, engine.Updates);
                Assert.Equal(17, manifest.RunState.GetProperty("iteration").GetInt32());
                ZeroEngineTests.Train(_model, engine, 1, maxNorm: 10, from: 3);
                return _model.Snapshot(engine);
            });

            Assert.All(resumed, parameters => TestModel.AssertSameBits(expected, parameters));
        }
    }

    [Fact]
    public void The_manifest_names_ranges_and_settings_and_the_shards_are_plain_safetensors()
    {
        var path = Save(2, 1, updates: 1, step: 7);

        using var reader = CheckpointReader.Open(path);
        Assert.EndsWith("step-00000007", path, StringComparison.Ordinal);
        Assert.Equal(2, reader.Manifest.Shards.Count);
        Assert.Equal(_model.Groups.Groups.Select(group => group.Name), reader.Manifest.Groups.Select(group => group.Name));
        Assert.Equal(_model.Groups.Groups.Select(group => group.LearningRate), reader.Manifest.Groups.Select(group => group.LearningRate));
        var owned = reader.Manifest.Shards.SelectMany(shard => shard.Ranges).GroupBy(range => range.Parameter).ToDictionary(group => group.Key, group => group.Sum(range => range.Length));
        Assert.All(_model.Parameters.Where(parameter => TestModel.Count(parameter.Shape) > 0), parameter => Assert.Equal(TestModel.Count(parameter.Shape), owned[parameter.Name]));
        reader.Verify();
        Assert.All(reader.Manifest.Shards, shard =>
        {
            using var file = SafetensorsFile.Read(Path.Combine(path, shard.File));
            Assert.Equal(shard.Ranges.Count * 3, file.Entries.Count);
        });
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, "manifest.json")));
        Assert.Equal("ortzero-checkpoint", json.RootElement.GetProperty("format").GetString());
    }

    [Fact]
    public void Parameters_can_be_read_without_an_engine()
    {
        var path = Save(3, 1, updates: 2, step: 1);
        using var engine = _model.Engine(new SingleProcessCommunicator(), 1);
        ZeroEngineTests.Train(_model, engine, 2, maxNorm: 10);

        using var reader = CheckpointReader.Open(path);
        Assert.All(_model.Parameters, parameter => Assert.Equal(engine.Parameter(parameter.Name).ToArray(), reader.ReadParameter(parameter.Name)));
        Assert.Contains("'nobody'", Assert.Throws<CheckpointException>(() => reader.ReadParameter("nobody")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_process_writes_whole_tensors_under_their_names()
    {
        var path = Save(1, 1, updates: 1, step: 1);
        using var file = SafetensorsFile.Read(Directory.GetFiles(path, "*.safetensors").Single());
        Assert.Equal([37L, 53L], file["parameters/projector.weight"].Shape);
        Assert.Equal([37L, 53L], file["exp_avg_sq/projector.weight"].Shape);
    }

    [Fact]
    public void A_flipped_byte_anywhere_is_named_on_every_rank()
    {
        var path = Save(2, 1, updates: 1, step: 1);
        var shard = Path.Combine(path, "shard-00001-of-00002.safetensors");
        var length = new FileInfo(shard).Length;
        foreach (var position in new[] { 3, length / 2, length - 1 })
        {
            Flip(shard, position);
            var failure = Assert.Throws<AggregateException>(() => LoadOn(2, path));
            Assert.Contains("shard-00001-of-00002.safetensors' is damaged", Assert.IsType<CheckpointException>(failure.InnerException).Message, StringComparison.Ordinal);
            Flip(shard, position);
        }

        LoadOn(2, path);
    }

    [Fact]
    public void A_flipped_byte_in_the_manifest_makes_it_no_checkpoint()
    {
        var older = Save(1, 1, updates: 1, step: 1);
        var path = Save(1, 1, updates: 1, step: 2);
        var manifest = Path.Combine(path, ShardedCheckpoint.ManifestName);
        foreach (var position in new[] { 40, new FileInfo(manifest).Length / 2, new FileInfo(manifest).Length - 6 })
        {
            Flip(manifest, position);
            Assert.Contains("damaged", Assert.Throws<CheckpointException>(() => CheckpointReader.Open(path)).Message, StringComparison.Ordinal);
            var ignored = new List<string>();
            Assert.Equal(older, ShardedCheckpoint.FindLatest(_folder.Path, ignored));
            Assert.Contains("step-00000002", Assert.Single(ignored), StringComparison.Ordinal);
            Flip(manifest, position);
        }
    }

    [Fact]
    public void A_missing_or_shortened_shard_is_named_and_passed_over()
    {
        var older = Save(2, 1, updates: 1, step: 1);
        var path = Save(2, 1, updates: 1, step: 2);
        var shard = Path.Combine(path, "shard-00000-of-00002.safetensors");
        using (var file = File.OpenWrite(shard))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.Contains("cut off", Assert.Throws<CheckpointException>(() => CheckpointReader.Open(path)).Message, StringComparison.Ordinal);
        File.Delete(shard);
        var failure = Assert.Throws<AggregateException>(() => LoadOn(2, path));
        Assert.Contains("'shard-00000-of-00002.safetensors' of rank 0 is missing", failure.InnerException!.Message, StringComparison.Ordinal);
        Assert.Equal(older, ShardedCheckpoint.FindLatest(_folder.Path));
    }

    [Fact]
    public void A_checkpoint_of_another_model_is_refused_by_name_and_shape()
    {
        var path = Save(1, 1, updates: 1, step: 1);
        Assert.Contains("holds no parameter 'extra'", Refused([.. _model.Parameters, ("extra", [2], ParameterKind.Other)]), StringComparison.Ordinal);
        Assert.Contains("holds the parameter 'vision.embed.weight', which the model does not train", Refused(_model.Parameters[1..]), StringComparison.Ordinal);
        Assert.Contains("'vision.embed.weight' is [3, 1, 7, 7]", Refused([("vision.embed.weight", [147], ParameterKind.Other), .. _model.Parameters[1..]]), StringComparison.Ordinal);

        string Refused((string, long[], ParameterKind)[] parameters)
        {
            using var engine = new TestModel(null, null, parameters).Engine(new SingleProcessCommunicator(), 1);
            return Assert.Throws<CheckpointException>(() => ShardedCheckpoint.Load(path, engine)).Message;
        }
    }

    [Theory]
    [InlineData("shard-00001")]
    [InlineData("manifest")]
    public void A_full_disk_fails_on_every_rank_and_leaves_the_earlier_checkpoint(string full)
    {
        var older = Save(2, 1, updates: 1, step: 5);
        var messages = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = _model.Engine(ranks, 1);
            var storage = new SmallDisk(full);
            return string.Join('|', new[] { 5, 6 }.Select(step =>
                Assert.Throws<CheckpointException>(() => ShardedCheckpoint.Save(_folder.Path, step, engine, "{}", storage)).Message));
        });

        Assert.All(messages, message => Assert.Contains("No space left on device", message, StringComparison.Ordinal));
        Assert.All(messages, message => Assert.Contains("step-00000006' was not written", message, StringComparison.Ordinal));
        Assert.Equal([older], Directory.GetDirectories(_folder.Path));
        Assert.Equal(older, ShardedCheckpoint.FindLatest(_folder.Path));
        LoadOn(1, older);
    }

    [Fact]
    public void A_checkpoint_of_the_same_step_is_replaced()
    {
        var first = Save(2, 1, updates: 1, step: 3);
        var second = Save(1, 1, updates: 2, step: 3);
        Assert.Equal(first, second);
        using var reader = CheckpointReader.Open(second);
        Assert.Equal(2, reader.Manifest.Updates);
        Assert.Equal([second], Directory.GetDirectories(_folder.Path));
    }

    [Fact]
    public void A_run_killed_while_replacing_a_checkpoint_still_finds_it()
    {
        var path = Save(1, 1, updates: 1, step: 3);
        Directory.Move(path, path + ".replaced");

        var found = ShardedCheckpoint.FindLatest(_folder.Path);

        Assert.Equal(path + ".replaced", found);
        LoadOn(1, found!);
        Assert.Equal(path, Save(1, 1, updates: 2, step: 3));
        Assert.Equal([path], Directory.GetDirectories(_folder.Path));
    }

    [Fact]
    public void Latest_ignores_what_is_incomplete_and_Prune_keeps_the_newest()
    {
        Assert.Null(ShardedCheckpoint.FindLatest(_folder.File("missing")));
        var paths = new[] { 1, 2, 10, 100 }.Select(step => Save(1, 1, updates: 1, step)).ToList();
        Directory.CreateDirectory(_folder.File(".step-00000200.incomplete"));
        Directory.CreateDirectory(_folder.File("step-00000300"));
        Directory.CreateDirectory(_folder.File("something else"));

        Assert.Equal(paths[3], ShardedCheckpoint.FindLatest(_folder.Path));
        ShardedCheckpoint.Prune(_folder.Path, keep: 2);

        Assert.Equal(
            ["something else", "step-00000010", "step-00000100", "step-00000300"],
            Directory.GetDirectories(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_newest_is_the_one_written_last_whatever_its_step()
    {
        // A run that goes on with four times the ranks has a quarter of the iterations behind it.
        var paths = new[] { 80, 120, 40, 60 }.Select(step => Save(1, 1, updates: 1, step)).ToList();

        Assert.Equal(paths[3], ShardedCheckpoint.FindLatest(_folder.Path));
        ShardedCheckpoint.Prune(_folder.Path, keep: 2);
        Assert.Equal([paths[2], paths[3]], Directory.GetDirectories(_folder.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Of_every_so_many_steps_the_first_stays()
    {
        foreach (var step in new[] { 4, 8, 12, 16, 20, 24, 28, 32, 36 })
        {
            Save(1, 1, updates: 1, step);
            ShardedCheckpoint.Prune(_folder.Path, keep: 2, keepEvery: 10);
        }

        Assert.Equal(
            ["step-00000012", "step-00000020", "step-00000028", "step-00000032", "step-00000036"],
            Directory.GetDirectories(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_damaged_one_is_passed_over_naming_file_and_tensor(int world)
    {
        var older = Save(2, 1, updates: 1, step: 1);
        var damaged = Save(1, 1, updates: 2, step: 2);
        var shard = Path.Combine(damaged, "shard-00000-of-00001.safetensors");
        long moment;
        using (var file = SafetensorsFile.Read(shard))
        {
            moment = file["exp_avg/projector.weight"].FileOffset;
        }

        Flip(shard, moment + 100);

        var ignored = new List<string>();
        Assert.Equal(older, LoadLatest(world, ignored));
        Assert.Contains("shard-00000-of-00001.safetensors' is damaged in the tensor 'exp_avg/projector.weight'", Assert.Single(ignored), StringComparison.Ordinal);

        Flip(Path.Combine(older, "shard-00001-of-00002.safetensors"), 9);
        var failure = Assert.Throws<AggregateException>(() => LoadLatest(world, []));
        Assert.Contains("No checkpoint in", failure.InnerException!.Message, StringComparison.Ordinal);
        Assert.Contains("shard-00001-of-00002.safetensors' is damaged in its header", failure.InnerException.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_state_that_is_not_json_fails_on_every_rank()
    {
        var messages = ThreadCommunicator.Run(2, ranks =>
        {
            using var engine = _model.Engine(ranks, 1);
            return Assert.Throws<CheckpointException>(() => ShardedCheckpoint.Save(_folder.Path, 1, engine, "{not json")).Message;
        });
        Assert.All(messages, message => Assert.Contains("was not written", message, StringComparison.Ordinal));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Checksum_is_the_standards_crc32c() => Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));

    private string Save(int world, int stage, int updates, long step) => ThreadCommunicator.Run(world, ranks =>
    {
        using var engine = _model.Engine(ranks, stage);
        ZeroEngineTests.Train(_model, engine, updates, maxNorm: 10);
        return ShardedCheckpoint.Save(_folder.Path, step, engine, """{"iteration": 17}""");
    })[0];

    private string? LoadLatest(int world, List<string> ignored) => ThreadCommunicator.Run(world, ranks =>
    {
        using var engine = _model.Engine(ranks, 1);
        return ShardedCheckpoint.LoadLatest(_folder.Path, engine, ranks.Rank == 0 ? ignored : null)?.Path;
    })[0];

    private void LoadOn(int world, string path) => ThreadCommunicator.Run(world, ranks =>
    {
        using var engine = _model.Engine(ranks, 1);
        ShardedCheckpoint.Load(path, engine);
        return 0;
    });

    private static void Flip(string path, long position)
    {
        using var file = File.Open(path, FileMode.Open);
        file.Position = position;
        var value = file.ReadByte();
        file.Position = position;
        file.WriteByte((byte)(value ^ 0x10));
    }
}
