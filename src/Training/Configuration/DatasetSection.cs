using System.Text.Json.Serialization;

namespace OrtZero.Training;

/// <summary>The <c>data.train</c> and <c>data.val</c> sections: one array per model input and one for the labels.</summary>
public sealed record DatasetSection
{
    /// <summary>The kind of files. Default and only kind: "npy", NumPy's .npy and .npz.</summary>
    public DatasetKind Type { get; init; }

    /// <summary>
    /// The array of each field, by name: "file.npy" or "file.npz:array"; the first axis counts samples. Samples of several lengths
    /// are lists with an array for each length, equally many for every field. A relative path is taken from the folder of
    /// cfg.json. Required.
    /// </summary>
    public required IReadOnlyDictionary<string, DataFieldSource> Fields { get; init; }

    /// <summary>Cuts padded samples to a few lengths, each of which is trained by a graph of its own. Null: all have the length of the arrays.</summary>
    public BucketsSection? Buckets { get; init; }

    /// <summary>How many lengths of samples the fields list. Not a key.</summary>
    [JsonIgnore]
    public int BucketCount => Fields.Values.Select(source => source.Others.Count + 1).DefaultIfEmpty(1).Max();

    /// <summary>
    /// Whether every epoch goes through the samples in a new order, drawn from (randomness.seed, epoch) and independent of
    /// the number of ranks. Default: false, the order of the file.
    /// </summary>
    public bool Shuffle { get; init; }

    /// <summary>
    /// What becomes of an epoch's last samples when they do not fill an iteration of ranks x micro_batch_size. True: they are
    /// left out of this epoch. Default: false, the iteration is filled up with the first samples of the epoch's order, as
    /// MMEngine's round_up sampler does. Validation counts every sample once in either case.
    /// </summary>
    public bool DropLast { get; init; }
}
