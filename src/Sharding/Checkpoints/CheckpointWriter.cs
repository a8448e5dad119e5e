using System.Diagnostics.CodeAnalysis;
using OrtZero.Mpi;
using OrtZero.Sharding.Internal;

namespace OrtZero.Sharding;

/// <summary>
/// Writes checkpoints while training goes on: it waits only until this rank's part is copied. One is written at a time.
/// </summary>
/// <remarks>
/// <para>Every rank makes the same calls between updates. After <see cref="Begin"/> each rank's thread writes its shard; once
/// <see cref="IsRankReady"/> on all ranks, <see cref="Advance"/> lets rank 0's thread write the manifest and give the directory its name,
/// and the same again brings the result. Ranks find out whether all are ready by whatever they exchange after an update anyway.</para>
/// <para>A failure of any rank is thrown by <see cref="Advance"/> on every rank, and nothing is left under the final name that was not there
/// before.</para>
/// </remarks>
public sealed class CheckpointWriter : IDisposable
{
    private readonly ZeroEngine _engine;
    private readonly ICommunicator _ranks;
    private readonly string _directory;
    private readonly DurableStorage _storage;
    private readonly CancellationTokenSource _cancellation = new();
    private CheckpointSnapshot? _snapshot;
    private CheckpointDirectories? _directories;
    private CheckpointManifest? _manifest;
    private CheckpointShard? _shard;
    private Task? _work;
    private bool _publishing;
    private long _sequence;

    /// <summary>Creates a writer that has nothing to do yet.</summary>
    /// <param name="engine">The engine whose state is written.</param>
    /// <param name="directory">Where checkpoints are kept; created when missing.</param>
    public CheckpointWriter(ZeroEngine engine, string directory)
        : this(engine, directory, DurableStorage.Disk)
    {
    }

    internal CheckpointWriter(ZeroEngine engine, string directory, DurableStorage storage)
    {
        ArgumentNullException.ThrowIfNull(engine);
        _engine = engine;
        _ranks = engine.Communicator;
        _directory = directory;
        _storage = storage;
    }

    /// <summary>Whether the state is copied before it is written. False: it is read where it lies, and training must not go on before
    /// <see cref="Complete"/>.</summary>
    public bool Copies { get; init; } = true;

    /// <summary>What rank 0's thread does once a checkpoint is in place, such as deleting older ones. Its failure is that of the
    /// checkpoint. Null: nothing.</summary>
    public Action? Published { get; init; }

    /// <summary>Whether a checkpoint was begun whose end <see cref="Advance"/> has not told yet; the same on every rank.</summary>
    [MemberNotNullWhen(true, nameof(_directories))]
    public bool IsWriting { get; private set; }

    /// <summary>Whether this rank's thread has nothing to do at the moment.</summary>
    public bool IsRankReady => _work?.IsCompleted ?? true;

    /// <summary>The bytes of the copy, allocated by the first <see cref="Begin"/> and reused.</summary>
    public long ByteLength => _snapshot?.ByteLength ?? 0;

    /// <summary>Begins a checkpoint. Collective; between updates, while none is being written.</summary>
    /// <param name="step">The step it is named after, not negative; a checkpoint of the same step is replaced.</param>
    /// <param name="runState">JSON that loading gives back; rank 0's is kept.</param>
    /// <exception cref="InvalidOperationException">One is being written.</exception>
    /// <exception cref="CheckpointException">A rank cannot write there or has no memory for the copy.</exception>
    public void Begin(long step, string runState)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (IsWriting)
        {
            throw new InvalidOperationException("A checkpoint is being written: call Complete before the next.");
        }

        var directories = _directories = new CheckpointDirectories(_directory, step, _storage);
        try
        {
            Agreement.Run(_ranks, () =>
            {
                if (_ranks.Rank == 0)
                {
                    directories.Prepare();
                    _manifest = CheckpointContent.Manifest(_engine, step, runState);
                }

                if (Copies)
                {
                    _snapshot ??= new CheckpointSnapshot(_engine);
                    _snapshot.Take();
                }
            });
        }
        catch (CheckpointException exception)
        {
            throw NotWritten(exception);
        }

        var (pieces, ranges) = Copies ? (_snapshot!.Pieces, _snapshot.Ranges) : CheckpointContent.PiecesOf(_engine);
        _publishing = false;
        IsWriting = true;
        _work = Start(() => _shard = CheckpointContent.WriteShard(_engine, pieces, ranges, directories.Temporary, _storage, _cancellation.Token));
    }

    /// <summary>Goes on with the checkpoint that is being written once every rank <see cref="IsRankReady"/>; where one is not, it waits
    /// for it. Collective; between updates.</summary>
    /// <returns>The checkpoint's directory once it is in place, else null.</returns>
    /// <exception cref="CheckpointException">A rank could not write: no space left, no permission, …</exception>
    public string? Advance()
    {
        if (!IsWriting)
        {
            return null;
        }

        try
        {
            Agreement.Run(_ranks, () => _work?.GetAwaiter().GetResult());
            _work = null;
            if (_publishing)
            {
                IsWriting = false;
                return _directories.Final;
            }

            var shards = Agreement.Texts(_ranks, ManifestFile.Serialize(_shard!));
            _publishing = true;
            if (_ranks.Rank == 0)
            {
                _work = Start(() => Publish(shards));
            }

            return null;
        }
        catch (CheckpointException exception)
        {
            _work = null;
            IsWriting = false;
            throw NotWritten(exception);
        }
    }

    /// <summary>Waits until the checkpoint that is being written is in place. Collective.</summary>
    /// <returns>Its directory.</returns>
    /// <exception cref="InvalidOperationException">None is being written.</exception>
    /// <exception cref="CheckpointException">A rank could not write.</exception>
    public string Complete()
    {
        if (!IsWriting)
        {
            throw new InvalidOperationException("No checkpoint is being written.");
        }

        while (true)
        {
            if (Advance() is { } path)
            {
                return path;
            }
        }
    }

    /// <summary>Gives up a checkpoint that is being written and frees the copy.</summary>
    public void Dispose()
    {
        _cancellation.Cancel();
        // The thread reads the copy, so it must have ended; what it could not do has no meaning any more.
        (_work as IAsyncResult)?.AsyncWaitHandle.WaitOne();
        _snapshot?.Dispose();
        _cancellation.Dispose();
    }

    private static Task Start(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Publish(string[] shards)
    {
        _sequence = _sequence == 0 ? CheckpointFolder.Read(_directory).NextSequence : _sequence + 1;
        var manifest = _manifest! with { Sequence = _sequence, Shards = [.. shards.Select(ManifestFile.ParseShard)] };
        ManifestFile.Write(_directories!.Temporary, manifest, _storage);
        _directories.Publish();
        Published?.Invoke();
    }

    private CheckpointException NotWritten(CheckpointException exception)
    {
        if (_ranks.Rank == 0)
        {
            _directories!.Discard();
        }

        return new CheckpointException(
            $"Checkpoint '{_directories!.Final}' was not written: {exception.Message} Free space or choose another work_dir; earlier checkpoints are untouched.",
            exception.InnerException ?? exception);
    }
}
