using FsCheck;
using FsCheck.Fluent;

namespace OrtZero.Sharding.Tests;

public sealed class PartitionPlanTests
{
    [Fact]
    public void Every_element_is_owned_exactly_once_for_any_sizes_and_world()
    {
        var plans =
            from sizes in Gen.Choose(0, 3000).ListOf()
            where sizes.Count > 0
            from world in Gen.Choose(1, 9)
            from bucket in Gen.Choose(1, 5000)
            select PartitionPlan.Create([.. sizes.Select((size, index) => ($"p{index}", new long[] { size }))], world, bucket);
        Prop.ForAll(plans.ToArbitrary(), AssertSound).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Offsets_of_tensors_depend_on_neither_world_size_nor_bucket_size()
    {
        (string, long[])[] parameters = [("a", [300, 7]), ("b", []), ("c", [5, 5, 5]), ("d", [1])];
        var offsets = PartitionPlan.Create(parameters, 1, 1 << 20).Parameters.Select(parameter => parameter.Offset).ToList();
        foreach (var (world, bucket) in new[] { (1, 1), (2, 256), (3, 700), (64, 1 << 20) })
        {
            Assert.Equal(offsets, PartitionPlan.Create(parameters, world, bucket).Parameters.Select(parameter => parameter.Offset));
        }
    }

    [Fact]
    public void Layout_is_the_reverse_of_the_order_given()
    {
        var plan = PartitionPlan.Create([("first", [10]), ("second", [300]), ("third", [1])], 2, 1000);

        Assert.Equal(["first", "second", "third"], plan.Parameters.Select(parameter => parameter.Name));
        Assert.Equal([768L, 256L, 0L], plan.Parameters.Select(parameter => parameter.Offset));
    }

    [Fact]
    public void Readiness_order_decides_the_layout_when_it_is_known()
    {
        var plan = PartitionPlan.Create([("first", [10]), ("second", [300]), ("third", [1])], 2, 1000, ["second", "first"]);

        Assert.Equal([512L, 0L, 768L], plan.Parameters.Select(parameter => parameter.Offset));
        Assert.Contains("'fourth'", Assert.Throws<ShardingException>(
            () => PartitionPlan.Create([("first", [10])], 1, 1, ["fourth"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_larger_than_a_bucket_spans_buckets_without_a_gap()
    {
        var plan = PartitionPlan.Create([("small", [10]), ("large", [10_000])], 2, 1024);

        Assert.Equal(11, plan.Buckets.Count);
        var pieces = Enumerable.Range(0, 2).SelectMany(plan.RangesOf).Where(range => plan.Parameters[range.Parameter].Name == "large").ToList();
        Assert.Equal(10_000, pieces.Sum(piece => piece.Length));
        Assert.Contains(pieces, piece => piece.Bucket == 9);
    }

    [Fact]
    public void A_small_model_leaves_ranks_with_padding_only()
    {
        var plan = PartitionPlan.Create([("only", [5])], 4, 1000);

        Assert.Single(plan.RangesOf(0));
        Assert.All(Enumerable.Range(1, 3), rank => Assert.Empty(plan.RangesOf(rank)));
        Assert.Equal(1024, plan.TotalElements);
        Assert.Equal(256, plan.ShardElements);
    }

    [Fact]
    public void Buckets_stay_within_what_one_collective_can_move()
    {
        var plan = PartitionPlan.Create([("huge", [3, 1 << 30])], 24, long.MaxValue / 4);

        Assert.All(plan.Buckets, bucket => Assert.InRange(bucket.Length, 1, PartitionPlan.MaxBucketElements));
        AssertSound(plan);
    }

    [Fact]
    public void Sixty_five_thousand_ranks_are_planned_without_allocating_for_each()
    {
        var plan = PartitionPlan.Create([("weight", [50_000, 4096]), ("bias", [4096])], 65_536, 5_000_000);

        Assert.Equal(65_536 * 256, plan.Buckets[0].Length);
        Assert.NotEmpty(plan.RangesOf(65_535));
        Assert.Equal(plan.TotalElements / 65_536, plan.ShardElements);
    }

    [Fact]
    public void Mistakes_are_named()
    {
        Assert.Contains("no trainable parameter", Assert.Throws<ShardingException>(() => PartitionPlan.Create([], 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'twice'", Assert.Throws<ShardingException>(() => PartitionPlan.Create([("twice", [1]), ("twice", [1])], 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'open' has shape [-1, 3]", Assert.Throws<ShardingException>(() => PartitionPlan.Create([("open", [-1, 3])], 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'absent'", Assert.Throws<ShardingException>(() => PartitionPlan.Create([("a", [1])], 1, 1).IndexOf("absent")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => PartitionPlan.Create([("a", [1])], 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => PartitionPlan.Create([("a", [1])], 1, 0));
    }

    private static void AssertSound(PartitionPlan plan)
    {
        var flat = 0L;
        foreach (var bucket in plan.Buckets)
        {
            Assert.Equal(flat, bucket.Offset);
            Assert.Equal(0, bucket.PieceLength % PartitionPlan.BlockElements);
            Assert.Equal(bucket.Length, bucket.PieceLength * plan.WorldSize);
            flat = bucket.End;
        }

        Assert.Equal(plan.TotalElements, flat);
        AssertCoverage(plan, plan.AllRanges(), (_, range) => Assert.Equal(range.FlatOffset, range.ShardOffset));
        AssertCoverage(plan, [.. Enumerable.Range(0, plan.WorldSize).SelectMany(rank => plan.RangesOf(rank).Select(range =>
        {
            var bucket = plan.Buckets[range.Bucket];
            var inPiece = range.FlatOffset - bucket.PieceOffset(rank);
            Assert.InRange(inPiece, 0, bucket.PieceLength - range.Length);
            Assert.Equal(bucket.ShardOffset + inPiece, range.ShardOffset);
            Assert.InRange(range.ShardOffset, 0, plan.ShardElements - range.Length);
            return range;
        }))]);
    }

    private static void AssertCoverage(PartitionPlan plan, IReadOnlyList<ShardRange> ranges, Action<PartitionPlan, ShardRange>? check = null)
    {
        var next = new long[plan.Parameters.Count];
        foreach (var range in ranges.OrderBy(range => range.FlatOffset))
        {
            var parameter = plan.Parameters[range.Parameter];
            Assert.Equal(0, parameter.Offset % PartitionPlan.BlockElements);
            Assert.Equal(next[range.Parameter], range.Start);
            Assert.Equal(parameter.Offset + range.Start, range.FlatOffset);
            Assert.Equal(range.Bucket, plan.BucketAt(range.FlatOffset));
            Assert.True(range.Length > 0);
            next[range.Parameter] += range.Length;
            check?.Invoke(plan, range);
        }

        Assert.Equal(plan.Parameters.Select(parameter => parameter.Length), next);
    }
}
