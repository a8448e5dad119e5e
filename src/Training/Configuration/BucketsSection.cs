using OrtZero.Training.Internal;

namespace OrtZero.Training;

/// <summary>
/// The <c>data.train.buckets</c> and <c>data.val.buckets</c> sections: padded samples are cut to the shortest of a few lengths that holds them.
/// </summary>
public sealed record BucketsSection
{
    /// <summary>The lengths that samples are cut to, rising. Required.</summary>
    [Limits(AtLeast = 1)]
    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>The fields that are cut, along their second axis, the first behind that of the samples. Required.</summary>
    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>
    /// A .npy file with one integer per sample, its length. A relative path is taken from the folder of cfg.json. Null: a sample ends with the
    /// last element of pad_field that is not pad_value.
    /// </summary>
    [FilePath(MustExist = true)]
    public string? SampleLengths { get; init; }

    /// <summary>The field, one of fields, whose padding tells how long a sample is. Null: the first of them.</summary>
    public string? PadField { get; init; }

    /// <summary>What pad_field is padded with, such as -100 for labels. Null: sample_lengths tells how long samples are.</summary>
    public long? PadValue { get; init; }
}
