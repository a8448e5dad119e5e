using System.Runtime.InteropServices;

namespace OrtZero.Training.Tests;

/// <summary>Padded samples are cut to the shortest length that holds them.</summary>
public sealed class SampleBucketsTests : IDisposable
{
    private readonly string _folder = RepositoryPaths.NewTemporaryFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Padding_tells_how_long_a_sample_is()
    {
        Write("ids.npy", NpyBytes.Of<int>("<i4", "(4, 3)", 1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 0));
        Write("pairs.npy", NpyBytes.Of<float>("<f4", "(4, 3, 2)", [.. Enumerable.Range(0, 24).Select(i => (float)i)]));
        Write("whole.npy", NpyBytes.Of<long>("<i8", "(4,)", 10, 11, 12, 13));
        var datasets = Open(new BucketsSection { Lengths = [1, 2, 3], Fields = ["ids", "pairs"], PadValue = 0 }, "ids", "pairs", "whole");
        try
        {
            Assert.Equal([2, 1, 1], datasets.Select(dataset => dataset.Count));
            Assert.Equal([1L, 2, 3], datasets.Select(dataset => dataset.Fields["ids"].SampleShape[0]));
            Assert.Equal([4], Read<int>(datasets[0], "ids", 0));
            Assert.Equal([18f, 19], Read<float>(datasets[0], "pairs", 1));
            Assert.Equal([0, 5], Read<int>(datasets[1], "ids", 0));
            Assert.Equal([12f, 13, 14, 15], Read<float>(datasets[1], "pairs", 0));
            Assert.Equal([1, 2, 3], Read<int>(datasets[2], "ids", 0));
            Assert.Equal([12L], Read<long>(datasets[1], "whole", 0));
        }
        finally
        {
            datasets.ToList().ForEach(dataset => dataset.Dispose());
        }
    }

    [Theory]
    [InlineData("[2, 4]", "lengths has 4, but samples of ", "are padded to 3; end the list with that or less.")]
    [InlineData("[1, 2]", "lengths ends with 2, but sample 0 has the length 3; add a longer one, up to 3.")]
    public void What_does_not_fit_is_one_sentence(string lengths, params string[] parts)
    {
        Write("ids.npy", NpyBytes.Of<long>("<i8", "(2, 3)", 1, 2, 3, 4, 0, 0));
        var numbers = lengths.Trim('[', ']').Split(',').Select(int.Parse).ToArray();
        var error = Assert.Throws<DataException>(() => Open(new BucketsSection { Lengths = numbers, Fields = ["ids"], PadValue = 0 }, "ids"));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Arrays_that_are_no_lengths_are_named()
    {
        Write("ids.npy", NpyBytes.Of<long>("<i8", "(2, 3)", 1, 2, 3, 4, 0, 0));
        Write("other.npy", NpyBytes.Of<long>("<i8", "(2, 4)", 1, 2, 3, 4, 0, 0, 0, 0));
        Write("reals.npy", NpyBytes.Of<float>("<f4", "(2, 3)", 1, 2, 3, 4, 0, 0));
        Write("lengths.npy", NpyBytes.Of<long>("<i8", "(3,)", 1, 2, 3));
        Refused("other.npy has the shape [2, 4] and ", new BucketsSection { Lengths = [3], Fields = ["ids", "other"], PadValue = 0 }, "ids", "other");
        Refused("reals.npy holds Float, but lengths and padding are integers", new BucketsSection { Lengths = [3], Fields = ["reals"], PadValue = 0 }, "reals");
        Refused("lengths.npy has the shape [3], but there are 2 samples", new BucketsSection { Lengths = [3], Fields = ["ids"], SampleLengths = PathOf("lengths.npy") }, "ids");

        void Refused(string part, BucketsSection section, params string[] fields) =>
            Assert.Contains(part, Assert.Throws<DataException>(() => Open(section, fields)).Message, StringComparison.Ordinal);
    }

    private static T[] Read<T>(Dataset dataset, string field, int sample)
        where T : unmanaged
    {
        var bytes = new byte[dataset.Fields[field].SampleBytes];
        dataset.Fields[field].Read(sample, bytes);
        return MemoryMarshal.Cast<byte, T>(bytes).ToArray();
    }

    private IReadOnlyList<Dataset> Open(BucketsSection buckets, params string[] fields) => Dataset.OpenBuckets(
        new DatasetSection { Fields = fields.ToDictionary(field => field, field => new DataFieldSource(PathOf($"{field}.npy"), null)), Buckets = buckets }, "data.train");

    private string PathOf(string file) => Path.Combine(_folder, file);

    private void Write(string file, byte[] content) => File.WriteAllBytes(PathOf(file), content);
}
