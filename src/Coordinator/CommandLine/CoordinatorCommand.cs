using System.CommandLine;
using Microsoft.Extensions.Logging;
using OrtZero.Training;
using Spectre.Console;

namespace OrtZero.Coordinator.Internal;

/// <summary>The command line of the exe: exit code 0 done, 1 failed or unreachable, 2 bad usage.</summary>
internal static class CoordinatorCommand
{
    private const int Done = 0;
    private const int Failed = 1;
    private const int BadUsage = 2;

    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancellationToken = default)
    {
        var parsed = Create(output).Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await error.WriteLineAsync($"coordinator: {parsed.Errors[0].Message} See coordinator --help.").ConfigureAwait(false);
            return BadUsage;
        }

        try
        {
            var configuration = new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false };
            return await parsed.InvokeAsync(configuration, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            await error.WriteLineAsync($"coordinator: {e.Status.Detail}").ConfigureAwait(false);
            return Failed;
        }
        catch (CoordinatorException e)
        {
            await error.WriteLineAsync($"coordinator: {e.Message}").ConfigureAwait(false);
            return Failed;
        }
        catch (OperationCanceledException)
        {
            return Done;
        }
    }

    private static RootCommand Create(TextWriter output) => new("Follows a training run: serves its coordinator, shows it and steers it.")
    {
        Serve(output),
        Status(output),
        Steer(output, "checkpoint", "Asks the run to save a checkpoint.", StepDirective.Checkpoint),
        Steer(output, "stop", "Asks the run to save a checkpoint and end.", StepDirective.Stop),
    };

    private static Option<Endpoint> AddressOption(string description) => new("--address")
    {
        Description = description,
        Required = true,
        HelpName = "host:port",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            var endpoint = Endpoint.Parse(text);
            if (endpoint is null)
            {
                result.AddError($"'{text}' is no address; write --address host:port, for example --address 127.0.0.1:5150.");
            }

            return endpoint;
        },
    };

    private static Command Serve(TextWriter output)
    {
        var address = AddressOption("Where to listen; port 0 for any free one, host * for all interfaces.");
        var command = new Command("serve", "Runs a coordinator until it is interrupted.") { address };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var endpoint = parsed.GetRequiredValue(address);
            using var logging = LoggerFactory.Create(builder => builder.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss ";
            }));
            await using var coordinator = await CoordinatorHost.StartAsync(
                new CoordinatorHostOptions { Host = endpoint.Host, Port = endpoint.Port, LoggerFactory = logging }, cancellationToken).ConfigureAwait(false);
            await output.WriteLineAsync($"The coordinator listens on {coordinator.Address}.").ConfigureAwait(false);
            await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return Done;
        });
        return command;
    }

    private static Command Status(TextWriter output)
    {
        var address = AddressOption("The coordinator.");
        var json = new Option<bool>("--json") { Description = "Prints one JSON object per status." };
        var watch = new Option<bool>("--watch") { Description = "Goes on with every change until the run has ended." };
        var history = new Option<int>("--history") { Description = "With --json: how many log intervals to include; -1 for all.", HelpName = "n" };
        var command = new Command("status", "Prints the run.") { address, json, watch, history };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var connection = new CoordinatorConnection(parsed.GetRequiredValue(address).Address);
            IStatusView view = parsed.GetValue(json) ? new JsonStatusView(output)
                : IsTerminal(output) ? new TableStatusView(AnsiConsole.Console)
                : new PlainStatusView(output);
            var limit = parsed.GetValue(history);
            if (parsed.GetValue(watch))
            {
                return await view.WatchAsync(connection.WatchAsync(limit, cancellationToken)).ConfigureAwait(false)
                    is Protocol.RunState.Failed ? Failed : Done;
            }

            view.Show(await connection.GetStatusAsync(limit, cancellationToken).ConfigureAwait(false));
            return Done;
        });
        return command;
    }

    private static Command Steer(TextWriter output, string name, string description, StepDirective directive)
    {
        var address = AddressOption("The coordinator.");
        var command = new Command(name, description) { address };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var connection = new CoordinatorConnection(parsed.GetRequiredValue(address).Address);
            var who = $"{Environment.UserName}@{Environment.MachineName}";
            var number = await connection.RequestAsync(directive, who, cancellationToken).ConfigureAwait(false);
            var what = directive == StepDirective.Stop ? "save a checkpoint and end" : "save a checkpoint";
            await output.WriteLineAsync($"The run was asked to {what} (request {number}).").ConfigureAwait(false);
            return Done;
        });
        return command;
    }

    private static bool IsTerminal(TextWriter output) => ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
}
