using System.CommandLine;
using OrtZero.EndToEnd.Drills;

namespace OrtZero.EndToEnd;

/// <summary>
/// What takes too long for a test, scripts/fault-drill, scripts/exactness, scripts/overlap and scripts/memory, what scripts/gpu-check takes along, and what
/// tests start under mpiexec.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        var kills = new Option<int>("--kills") { Description = "How often a rank is killed.", DefaultValueFactory = _ => 30 };
        var seed = new Option<int>("--seed") { Description = "What chance begins with.", DefaultValueFactory = _ => 1 };
        var drill = new Command("fault-drill", "Kills ranks at random moments and compares the end with an undisturbed run's.") { kills, seed };
        drill.SetAction(result => Report(() =>
        {
            new FaultDrill(result.GetValue(kills), result.GetValue(seed), Console.WriteLine).Run();
            return true;
        }));

        var quick = new Option<bool>("--quick") { Description = "A few cells in which every setting occurs." };
        var jobs = new Option<int>("--jobs") { Description = "Cells trained at the same time.", DefaultValueFactory = _ => Math.Max(1, Environment.ProcessorCount) };
        var anew = new Option<bool>("--anew") { Description = "Forgets the cells that an earlier run has done." };
        var exactness = new Command("exactness", "Trains in every combination of settings and compares the trained models.") { quick, jobs, anew };
        exactness.SetAction(result => Report(() =>
        {
            var done = Path.Combine(RepositoryPaths.Root, "bin", $"exactness-{ExactnessMatrix.ProgramName()}.tsv");
            if (result.GetValue(anew))
            {
                File.Delete(done);
            }

            return new ExactnessMatrix(result.GetValue(quick), result.GetValue(jobs), done, Console.WriteLine).Run();
        }));
        var rounds = new Option<int>("--rounds") { Description = "How often each setting is measured.", DefaultValueFactory = _ => 3 };
        var overlap = new Command("overlap", "Measures iterations on two ranks with and without overlapping of communication.") { rounds };
        overlap.SetAction(result => Report(() =>
        {
            new OverlapTable(result.GetValue(rounds), Console.WriteLine).Run();
            return true;
        }));

        var configurations = new Argument<string[]>("CFG") { Description = "Configurations, trained one after the other." };
        var train = new Command("train", "Trains several configurations within one start of the ranks, and writes gradients.safetensors beside each.") { configurations };
        train.SetAction(result => SharedStart.Train(result.GetValue(configurations)!));
        var folder = new Argument<string>("FOLDER") { Description = "Where to write." };
        var zoo = new Command("zoo", "Writes a folder with a configuration, the model and its data for each model of fixtures/zoo.") { folder };
        zoo.SetAction(result => Job.CopyZoo(result.GetRequiredValue(folder)));
        var only = new Option<string?>("--only") { Description = "formulas or plans: one of the two tables." };
        only.AcceptOnlyFromAmong("formulas", "plans");
        var memory = new Command("memory", "Compares the memory of ranks with the formulas of the ZeRO paper and with rankworker plan.") { only };
        memory.SetAction(result => Report(() =>
        {
            var measured = new MemoryDrill(Console.WriteLine);
            var wanted = result.GetValue(only);
            return (wanted == "plans" || measured.Formulas()) & (wanted == "formulas" || measured.Plans());
        }));
        return new RootCommand("The long checks of scripts/fault-drill, scripts/exactness, scripts/overlap and scripts/memory.") { drill, exactness, overlap, memory, train, zoo }.Parse(args).Invoke();
    }

    private static int Report(Func<bool> check)
    {
        try
        {
            return check() ? 0 : 1;
        }
        catch (Exception exception) when (exception is Xunit.Sdk.XunitException or TimeoutException or IOException)
        {
            Console.Error.WriteLine($"error: {exception.Message}");
            return 1;
        }
    }
}
