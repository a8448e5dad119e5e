using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using OrtZero.RankWorker.Internal;
using OrtZero.Training;

namespace OrtZero.RankWorker.Tests;

public sealed class ScheduleCommandTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public ScheduleCommandTests()
    {
        foreach (var field in new[] { "image", "input_ids", "labels" })
        {
            WriteNpy(Path.Combine(_folder, $"{field}.npy"), samples: 80);
        }

        File.WriteAllText(Path.Combine(_folder, "cfg.json"), $$"""
            {
              "model": { "path": {{JsonSerializer.Serialize(RepositoryPaths.Fixture("vlm", "vlm.onnx"))}},
                         "loss": { "type": "cross_entropy", "output": "logits", "labels": "labels" } },
              "data": { "train": { "fields": { "image": "image.npy", "input_ids": "input_ids.npy", "labels": "labels.npy" } } },
              "train_cfg": { "max_epochs": 2 }, "micro_batch_size": 4,
              "optim_wrapper": { "optimizer": { "type": "AdamW", "lr": 0.01, "weight_decay": 0.1 },
                                 "paramwise_cfg": { "custom_keys": { "visual_encoder.": { "lr_mult": 0.1 } } } },
              "param_scheduler": [ { "type": "ExponentialLR", "gamma": 0.5 } ]
            }
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Json_has_the_groups_and_the_rate_of_each_in_every_iteration()
    {
        var json = Json();
        Assert.Equal(["groups", "lr"], json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["visual_encoder", "default"], json.GetProperty("groups").EnumerateArray().Select(group => group.GetProperty("name").GetString()));
        var rates = json.GetProperty("lr").EnumerateArray().Select(row => row.EnumerateArray().Select(rate => rate.GetDouble()).ToArray()).ToList();
        Assert.Equal(40, rates.Count);
        Assert.All(rates.Take(20), row => Assert.Equal([0.01 * 0.1, 0.01], row));
        Assert.All(rates.Skip(20), row => Assert.Equal([0.01 * 0.1 / 2, 0.01 / 2], row));
    }

    [Fact]
    public void More_ranks_make_epochs_shorter()
    {
        var preview = Preview(worldSize: 4);
        Assert.Equal((5, 10), (preview.IterationsPerEpoch, preview.LearningRates.Length));
    }

    [Fact]
    public void Other_parameters_are_shown_where_something_changes_them()
    {
        var json = Json("""param_scheduler=[{"type":"ConstantWeightDecay","factor":0.5},{"type":"LinearMomentum","start_factor":0.5,"by_epoch":false}]""");
        Assert.Equal(["groups", "lr", "momentum", "weight_decay"], json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(0.05, json.GetProperty("weight_decay")[0][1].GetDouble());
        Assert.Equal(0.45, json.GetProperty("momentum")[0][0].GetDouble());
        Assert.Equal(0.9, json.GetProperty("momentum")[39][0].GetDouble(), 1e-12);
    }

    [Fact]
    public void A_sparkline_rises_and_falls_with_the_curve()
    {
        Assert.Equal("▁▂▃▄▅▆▇█", ScheduleCommand.Sparkline([0, 1, 2, 3, 4, 5, 6, 7]));
        Assert.Equal("▁▁", ScheduleCommand.Sparkline([0, 0]));
        Assert.Equal(60, ScheduleCommand.Sparkline(new double[1000]).Length);
    }

    [Fact]
    public void The_picture_is_a_png_with_a_curve_in_the_color_of_every_group()
    {
        var path = Path.Combine(_folder, "schedule.png");
        var code = CommandLine.Run(["schedule", Path.Combine(_folder, "cfg.json"), "--png", path]);

        Assert.Equal(ExitCodes.Done, code);
        var (width, pixels) = ReadPng(File.ReadAllBytes(path));
        foreach (var color in new[] { 0x1F77B4, 0xD62728 })
        {
            var columns = Enumerable.Range(0, pixels.Length).Where(at => pixels[at] == color).Select(at => at % width).Distinct().Count();
            Assert.True(columns > width * 3 / 4, $"A curve covers {columns} of {width} columns.");
        }
    }

    [Fact]
    public void A_bad_world_size_and_a_schedule_that_cannot_work_are_bad_input()
    {
        var path = Path.Combine(_folder, "cfg.json");
        Assert.Equal(ExitCodes.BadInput, CommandLine.Run(["schedule", path, "--world-size", "0"]));
        Assert.Equal(ExitCodes.BadInput, CommandLine.Run(["schedule", path, "--set", """param_scheduler=[{"type":"StepLR"}]"""]));
    }

    [Fact]
    public void An_imported_configuration_is_written_once_and_never_over_another_file()
    {
        var source = Path.Combine(_folder, "ds_config.json");
        var target = Path.Combine(_folder, "imported.json");
        File.WriteAllText(source, """{ "train_micro_batch_size_per_gpu": 3, "zero_optimization": { "stage": 1 } }""");

        Assert.Equal(ExitCodes.Done, CommandLine.Run(["import-config", source, "--out", target]));
        Assert.Equal(3, JsonDocument.Parse(File.ReadAllText(target)).RootElement.GetProperty("micro_batch_size").GetInt32());
        Assert.Equal(ExitCodes.BadInput, CommandLine.Run(["import-config", source, "--out", target]));
        Assert.Equal(ExitCodes.BadInput, CommandLine.Run(["import-config", Path.Combine(_folder, "missing.json")]));
    }

    private SchedulePreview Preview(int worldSize = 1, params string[] overrides)
    {
        var configuration = TrainingConfiguration.Load(Path.Combine(_folder, "cfg.json"), overrides);
        return SchedulePreview.Create(configuration, PreparedModel.Load(configuration).Groups, worldSize);
    }

    private JsonElement Json(params string[] overrides)
    {
        using var output = new MemoryStream();
        ScheduleCommand.WriteJson(Preview(1, overrides), output);
        return JsonDocument.Parse(output.ToArray()).RootElement;
    }

    private static void WriteNpy(string path, int samples)
    {
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({samples},), }}".PadRight(117) + "\n";
        using var file = File.Create(path);
        file.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)header.Length, 0]);
        file.Write(Encoding.ASCII.GetBytes(header));
        file.Write(new byte[samples * sizeof(float)]);
    }

    private static (int Width, int[] Pixels) ReadPng(byte[] file)
    {
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], file[..8]);
        var (width, height) = (0, 0);
        using var packed = new MemoryStream();
        for (var at = 8; at < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            var type = Encoding.ASCII.GetString(file, at + 4, 4);
            Assert.Equal(Crc(file.AsSpan(at + 4, length + 4)), BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + length)));
            if (type == "IHDR")
            {
                (width, height) = (BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at + 8)), BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at + 12)));
            }
            else if (type == "IDAT")
            {
                packed.Write(file, at + 8, length);
            }

            at += 12 + length;
        }

        packed.Position = 0;
        using var rows = new ZLibStream(packed, CompressionMode.Decompress);
        var pixels = new int[width * height];
        var row = new byte[1 + (width * 3)];
        for (var y = 0; y < height; y++)
        {
            rows.ReadExactly(row);
            Assert.Equal(0, row[0]);
            for (var x = 0; x < width; x++)
            {
                pixels[(y * width) + x] = (row[1 + (x * 3)] << 16) | (row[2 + (x * 3)] << 8) | row[3 + (x * 3)];
            }
        }

        return (width, pixels);
    }

    // Long division by the polynomial of ISO 3309, most significant bit first, on reversed bytes.
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var remainder = uint.MaxValue;
        foreach (var value in bytes)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var carry = (remainder >> 31) ^ ((uint)(value >> bit) & 1);
                remainder = (remainder << 1) ^ (carry * 0x04C11DB7);
            }
        }

        var reversed = 0u;
        for (var bit = 0; bit < 32; bit++)
        {
            reversed |= ((remainder >> bit) & 1) << (31 - bit);
        }

        return ~reversed;
    }
}
