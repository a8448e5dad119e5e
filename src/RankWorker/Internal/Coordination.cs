using System.Text;
using OrtZero.Coordinator;
using OrtZero.Training;

namespace OrtZero.RankWorker.Internal;

/// <summary>
/// A rank's tie to the coordinator, which rank 0 runs itself unless the configuration names another. Nothing here can end
/// training but a coordinator that answers and refuses this rank.
/// </summary>
internal sealed class Coordination : IDisposable
{
    private readonly CoordinatorHost? _host;
    private readonly CoordinatorClient? _client;

    private Coordination(CoordinatorHost? host, CoordinatorClient? client)
    {
        _host = host;
        _client = client;
    }

    internal IRunObserver? Observer => _client;

    /// <summary>Starts the embedded coordinator on rank 0 where it is wanted, and registers this rank. Collective.</summary>
    internal static Coordination Join(RankProcess process, TrainingConfiguration configuration, RunDescription run)
    {
        var section = configuration.Coordinator;
        var host = section.Address.IsEmbedded && process.IsFirst ? StartHost(process, section) : null;
        var address = section.Address.Host is { } name
            ? $"{(name.Contains(':', StringComparison.Ordinal) ? $"[{name}]" : name)}:{section.Address.Port}"
            : Share(process, AdvertisedAddress(process, host));
        if (address.Length == 0)
        {
            return new Coordination(host, null);
        }

        var client = new CoordinatorClient(address, logger: process.Logger);
        var coordination = new Coordination(host, client);
        try
        {
            var registration = client.RegisterAsync(run).GetAwaiter().GetResult();
            RankAgreement.Run(process.Communicator, () =>
            {
                if (registration.IsRefused)
                {
                    throw new RankMismatchException($"The coordinator at {address} refused this rank: {registration.Message}");
                }
            });
            if (host is not null)
            {
                File.WriteAllText(Path.Combine(configuration.WorkDir, "coordinator.address"), address + "\n");
            }

            return coordination;
        }
        catch
        {
            coordination.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _client?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _host?.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private static CoordinatorHost? StartHost(RankProcess process, CoordinatorSection section)
    {
        try
        {
            var host = IsOneMachine(process) ? "127.0.0.1" : "*";
            return CoordinatorHost.StartAsync(new CoordinatorHostOptions { Host = host, Port = section.Port }).GetAwaiter().GetResult();
        }
        catch (Exception exception) when (exception is IOException or CoordinatorException)
        {
            RankWorkerLog.NoCoordinator(process.Logger, section.Port, exception.Message);
            return null;
        }
    }

    private static string AdvertisedAddress(RankProcess process, CoordinatorHost? host)
    {
        if (host is null || IsOneMachine(process))
        {
            return host?.Address ?? "";
        }

        return $"{Environment.MachineName}:{host.Address[(host.Address.LastIndexOf(':') + 1)..]}";
    }

    private static bool IsOneMachine(RankProcess process) => process.Communicator.LocalSize == process.Communicator.Size;

    // Rank 0's word, on every rank.
    private static string Share(RankProcess process, string text) =>
        Encoding.UTF8.GetString(process.Communicator.AllGatherVariable(Encoding.UTF8.GetBytes(text))[0]);
}
