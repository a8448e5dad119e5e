using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace OrtZero.RankWorker.Internal;

/// <summary>The argument and options that commands share. Short forms are changes to cfg.json with a name of their own.</summary>
internal sealed class SharedOptions
{
    private readonly Argument<string> _configuration = new("CFG") { Description = "The configuration, cfg.json." };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Changes a key of the configuration: path.to.key=value. May be given several times.",
    };

    private readonly Option<bool> _verbose = new("--verbose") { Description = "Adds details to the log and the stack to errors." };
    private readonly Option<bool> _debug = new("--debug") { Description = "Trains in this one process, without MPI." };
    private readonly Option<long?> _maxIters = new("--max-iters")
    {
        Description = "Ends training after this many iterations.",
        CustomParser = argument =>
        {
            var text = argument.Tokens[0].Value;
            if (long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var iterations) && iterations > 0)
            {
                return iterations;
            }

            argument.AddError($"--max-iters is '{text}', but must be a whole number of at least 1.");
            return null;
        },
    };

    private readonly Option<string?> _workDir = new("--work-dir") { Description = "The folder for metrics, checkpoints and the trained model." };
    private readonly Option<string?> _resume = new("--resume") { Description = "What to start from: auto, none or the path of a checkpoint." };
    private bool _withRun;

    internal void AddTo(Command command, bool withRun)
    {
        _withRun = withRun;
        command.Arguments.Add(_configuration);
        command.Options.Add(_set);
        command.Options.Add(_verbose);
        command.Options.Add(_debug);
        command.Options.Add(_workDir);
        if (withRun)
        {
            command.Options.Add(_maxIters);
            command.Options.Add(_resume);
        }
    }

    internal RunArguments Read(ParseResult result)
    {
        var overrides = new List<string>(result.GetValue(_set) ?? []);
        if (result.GetValue(_workDir) is { } workDir)
        {
            // A path on the command line is taken from where the command runs, not from the configuration's folder.
            overrides.Add($"work_dir={JsonSerializer.Serialize(Path.GetFullPath(workDir))}");
        }

        if (_withRun && result.GetValue(_resume) is { } resume)
        {
            var choice = resume is "auto" or "none" ? resume : Path.GetFullPath(resume);
            overrides.Add($"checkpoint.resume={JsonSerializer.Serialize(choice)}");
        }

        return new RunArguments
        {
            ConfigurationPath = result.GetRequiredValue(_configuration),
            Overrides = overrides,
            MaxIterations = _withRun ? result.GetValue(_maxIters) : null,
            Debug = result.GetValue(_debug),
            Verbose = result.GetValue(_verbose),
        };
    }
}
