using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using OrtZero.Sharding;

namespace OrtZero.EndToEnd.Drills;

/// <summary>
/// Kills a random rank of a training run at a random moment, again and again, restarts it with another number of ranks and at another
/// stage with automatic resume, and compares what comes out in the end with a run that nobody disturbed, to the last bit. Then a byte is
/// flipped in the newest checkpoint and a disk runs full.
/// </summary>
internal sealed partial class FaultDrill(int kills, int seed, Action<string> say)
{
    private const int MicroBatchesPerUpdate = 8;
    private const int UpdatesPerEpoch = 20;
    private const int UpdatesBetweenCheckpoints = 2;
    private const string LoadBegins = ", if there is a checkpoint.";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly Random _random = new(seed);
    private readonly List<Kill> _done = [];
    private TimeSpan _load = TimeSpan.FromMilliseconds(100);

    /// <summary>What was killed and when.</summary>
    public IReadOnlyList<Kill> Kills => _done;

    private int Epochs => Math.Max(2, kills);

    /// <summary>Runs the drill; whatever is not as it must be is thrown.</summary>
    public void Run()
    {
        var watch = Stopwatch.StartNew();
        using var job = NewJob();
        var undisturbed = job.PathOf("undisturbed");
        Configure(job, ranks: 2, stage: 0);
        ProgramRun.Train(2, job.Configuration, "--work-dir", undisturbed, "--set", "checkpoint.interval=null");
        var expected = Hash(Path.Combine(undisturbed, "model.onnx"));
        say(FormattableString.Invariant($"seed {seed}: {kills} kills in {Epochs * UpdatesPerEpoch} updates; undisturbed in {watch.Elapsed.TotalSeconds:0.0} s, SHA-256 {expected[..16]}…"));
        say("kill  when           ranks  stage  victim  resumed at  reached  left incomplete  checkpoints  exit code");
        var phases = Enumerable.Range(0, kills).Select(index => (KillPhase)(index % 3)).ToArray();
        _random.Shuffle(phases);
        // The first life has nothing to load yet.
        var first = Array.FindIndex(phases, phase => phase != KillPhase.Resume);
        (phases[0], phases[first]) = (phases[first], phases[0]);
        var ranks = 2;
        for (var number = 1; number <= kills; number++)
        {
            ranks = _random.GetItems<int>([.. new[] { 1, 2, 4 }.Where(other => other != ranks)], 1)[0];
            var kill = Live(job, number, phases[number - 1], ranks, _random.Next(4));
            _done.Add(kill);
            say(Row(kill));
        }

        FillDisk(job);
        FlipByte(job);
        ranks = ranks == 4 ? 1 : 4;
        Configure(job, ranks, stage: 3);
        var last = ProgramRun.Train(ranks, job.Configuration, "--resume", "auto", "--verbose");
        Assert.Contains("is damaged in the tensor '", last.Output, StringComparison.Ordinal);
        var actual = Hash(job.TrainedModel);
        say(FormattableString.Invariant($"{kills} kills, a full disk and a flipped byte later: SHA-256 {actual[..16]}…, {(actual == expected ? "equal to the last bit" : "DIFFERENT")}; {watch.Elapsed.TotalSeconds:0} s"));
        Assert.Equal(expected, actual);
    }

    // Shuffled, so that a lost position in the data shows; the rate is constant, because schedules count a rank's iterations.
    private static Job NewJob() => Job.Vlm()
        .With("data.train.shuffle", "true")
        .With("micro_batch_size", "1")
        .With("randomness.deterministic", "true")
        .With("zero_optimization.stage3_param_persistence_threshold", "1000");

    private void Configure(Job job, int ranks, int stage)
    {
        var counts = MicroBatchesPerUpdate / ranks;
        job.With("train_cfg", $$"""{ "max_epochs": {{Epochs}} }""")
            .With("optim_wrapper.accumulative_counts", $"{counts}")
            .With("log.interval", $"{counts}")
            .With("zero_optimization.stage", $"{stage}")
            .With("checkpoint", $$"""{ "interval": {{counts * UpdatesBetweenCheckpoints}}, "max_keep": 3 }""");
    }

    private Kill Live(Job job, int number, KillPhase phase, int ranks, int stage)
    {
        Configure(job, ranks, stage);
        var before = LastUpdate(job, ranks);
        // A share of the whole for every kill, wherever in its share; then it does not matter how fast the machine is.
        var target = Epochs * UpdatesPerEpoch * (number - 1 + 0.1 + (0.8 * _random.NextDouble())) / (kills + 1);
        using var run = ProgramRun.RankWorker(ranks, [job.Configuration, "--resume", "auto", "--verbose"]);
        Wait(run, () => run.Output.Contains(LoadBegins, StringComparison.Ordinal), spin: true);
        var clock = Stopwatch.StartNew();
        if (phase == KillPhase.Resume)
        {
            // Most within the time a load takes, some soon after it.
            Thread.Sleep(_load * (1.5 * _random.NextDouble()));
        }
        else
        {
            Wait(run, () => run.Output.Contains("Resumed ", StringComparison.Ordinal) || run.Output.Contains(" iter ", StringComparison.Ordinal), spin: true);
            _load = ResumedAt().IsMatch(run.Output) ? clock.Elapsed : _load;
            Wait(run, () => run.Output.Contains(" iter ", StringComparison.Ordinal), spin: false);
            Wait(run, () => LastUpdate(job, ranks) is { } update && update >= target, spin: false);
            if (phase == KillPhase.Checkpointing)
            {
                Wait(run, () => Incomplete(job), spin: true);
            }

            Thread.Sleep(TimeSpan.FromMilliseconds(_random.NextDouble() * (phase == KillPhase.Training ? 30 : 2)));
        }

        var processes = run.Ranks();
        Assert.True(processes.Count > 0, $"Kill {number} came too late: {run.Transcript}");
        var (victim, process) = processes[_random.Next(processes.Count)];
        Assert.True(ProgramRun.TryKill(process), $"Kill {number} came too late: {run.Transcript}");
        var code = run.Wait(s_limit);
        Assert.True(code is not 0 and not ProgramRun.Stopped, $"Kill {number} was taken for a good end: {run.Transcript}");
        run.ExpectNothingLeft(TimeSpan.FromSeconds(30));
        var resumed = ResumedAt().Match(run.Output);
        var reached = LastUpdate(job, ranks);
        return new Kill(
            number, phase, ranks, stage, victim, run.Output.Contains(LoadBegins, StringComparison.Ordinal),
            resumed.Success ? double.Parse(resumed.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * ranks / MicroBatchesPerUpdate : null,
            reached == before ? null : reached, Incomplete(job), CheckAll(job), code);
    }

    // What is there under a final name must be whole, whatever was killed and when.
    private static int CheckAll(Job job)
    {
        var checkpoints = Checkpoints(job);
        foreach (var path in checkpoints)
        {
            using var reader = CheckpointReader.Open(path);
            reader.Verify();
        }

        return checkpoints.Length;
    }

    private void FillDisk(Job job)
    {
        Configure(job, ranks: 1, stage: 1);
        using var run = ProgramRun.RankWorker(1, [job.Configuration, "--resume", "auto"]);
        Wait(run, () => run.Output.Contains(" iter ", StringComparison.Ordinal), spin: false);
        // From now on no file of this process may become longer than this: the log fits, a shard does not.
        using (var limit = Process.Start("prlimit", ["--pid", $"{run.ProcessId}", "--fsize=200000"]))
        {
            limit.WaitForExit();
        }

        run.Expect(1);
        Assert.Contains("was not written: ", run.Error, StringComparison.Ordinal);
        say($"disk full: {run.Error.Split('\n').First(line => line.StartsWith("error", StringComparison.Ordinal))}");
        CheckAll(job);
    }

    private void FlipByte(Job job)
    {
        var newest = ShardedCheckpoint.FindLatest(Path.Combine(job.WorkDir, "checkpoints"))!;
        var shards = Directory.GetFiles(newest, "*.safetensors");
        var shard = shards[_random.Next(shards.Length)];
        using (var file = File.Open(shard, FileMode.Open))
        {
            // In the data, which is nearly all of it, so that the tensor can be named.
            file.Position = _random.NextInt64(file.Length / 2, file.Length);
            var value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(value ^ (1 << _random.Next(8))));
        }

        var failure = Assert.Throws<CheckpointException>(() =>
        {
            using var reader = CheckpointReader.Open(newest);
            reader.Verify();
        });
        say($"flipped byte: {failure.Message}");
    }

    private static string[] Checkpoints(Job job) => Folders(job, "step-*");

    private static bool Incomplete(Job job) => Folders(job, ".step-*.incomplete").Length > 0;

    private static string[] Folders(Job job, string pattern)
    {
        var folder = Path.Combine(job.WorkDir, "checkpoints");
        return Directory.Exists(folder) ? Directory.GetDirectories(folder, pattern) : [];
    }

    private static double? LastUpdate(Job job, int ranks)
    {
        var path = Path.Combine(job.WorkDir, "metrics.jsonl");
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        var last = Iteration().Matches(reader.ReadToEnd()).LastOrDefault();
        return last is null ? null : double.Parse(last.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * ranks / MicroBatchesPerUpdate;
    }

    private static void Wait(ProgramRun run, Func<bool> condition, bool spin)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < s_limit && !run.HasEnded, $"Waited in vain: {run.Transcript}");
            Thread.Sleep(spin ? 0 : 5);
        }
    }

    private static string Row(Kill kill) => string.Create(
        CultureInfo.InvariantCulture,
        $"{kill.Number,4}  {kill.Phase,-13}  {kill.Ranks,5}  {kill.Stage,5}  {kill.Victim,6}  {kill.ResumedAt?.ToString("0", CultureInfo.InvariantCulture) ?? (kill is { LoadBegan: true, Reached: null, Number: > 1 } ? "loading" : "-"),10}  {kill.Reached?.ToString("0", CultureInfo.InvariantCulture) ?? "-",7}  {(kill.LeftIncomplete ? "yes" : "no"),15}  {kill.Complete,11}  {kill.ExitCode,9}");

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    [GeneratedRegex("Resumed .* at iteration ([0-9]+)")]
    private static partial Regex ResumedAt();

    [GeneratedRegex("\"iter\": ?([0-9]+)")]
    private static partial Regex Iteration();
}
