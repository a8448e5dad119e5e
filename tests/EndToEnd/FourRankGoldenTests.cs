using Xunit.Abstractions;

namespace OrtZero.EndToEnd;

/// <summary>The main job against PyTorch's float64 runs on four ranks at every stage: all of it within one start of the ranks.</summary>
public sealed class FourRankGoldenTests(FourRankGoldenTests.Runs runs, ITestOutputHelper output) : IClassFixture<FourRankGoldenTests.Runs>
{
    private readonly GoldenChecks _checks = new(output);

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var (name, stage) in Runs.Keys)
            {
                cases.Add(name, stage);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Losses_norms_and_final_parameters_follow_pytorch(string name, int stage) =>
        _checks.AssertTrajectory(Golden.Of(name), runs[name, stage]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gradients_of_the_first_update_follow_pytorch(string name, int stage) =>
        _checks.AssertGradients(Golden.Of(name).Gradients, GoldenChecks.ReadGradients(SharedStart.GradientsOf(runs[name, stage].Configuration)));

    /// <summary>What was trained.</summary>
    public sealed class Runs : IDisposable
    {
        private readonly Dictionary<(string, int), Job> _jobs = Keys.ToDictionary(key => key, key => Golden.Of(key.Name).JobFor(ranks: 4, key.Stage));

        public Runs() => SharedStart.Run(ranks: 4, _jobs.Values);

        internal static IEnumerable<(string Name, int Stage)> Keys =>
            from name in (string[])["vlm", "gpt_nano", "bert"] from stage in (int[])[0, 1, 2, 3] select (name, stage);

        internal Job this[string name, int stage] => _jobs[(name, stage)];

        public void Dispose()
        {
            foreach (var job in _jobs.Values)
            {
                job.Dispose();
            }
        }
    }
}
