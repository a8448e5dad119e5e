using Microsoft.Extensions.Hosting;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// Leaves signals to the process. The default lifetime would take Ctrl-C and SIGTERM away from the training that the
/// coordinator is embedded in.
/// </summary>
internal sealed class EmbeddedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
