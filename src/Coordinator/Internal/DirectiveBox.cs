using OrtZero.Coordinator.Protocol;
using OrtZero.Training;

namespace OrtZero.Coordinator.Internal;

/// <summary>
/// Hands each directive to the training loop once, however often the coordinator repeats it. Safe for many threads.
/// </summary>
internal sealed class DirectiveBox
{
    private readonly Lock _lock = new();
    private StepDirective _pending;
    private long _received;
    private long _taken;

    /// <summary>The last directive of this session that the loop has taken.</summary>
    public long Taken
    {
        get
        {
            lock (_lock)
            {
                return _taken;
            }
        }
    }

    /// <summary>A new session counts its directives from 1 again. What the loop has not taken yet stays.</summary>
    public void StartSession()
    {
        lock (_lock)
        {
            _received = 0;
            _taken = 0;
        }
    }

    /// <summary>The directives among these that are new.</summary>
    public List<Directive> Receive(IEnumerable<Directive> directives)
    {
        var news = new List<Directive>();
        lock (_lock)
        {
            foreach (var directive in directives.Where(directive => directive.Sequence > _received))
            {
                _received = directive.Sequence;
                news.Add(directive);

                // A stop saves a checkpoint, so it stands for both.
                _pending = directive.Kind switch
                {
                    DirectiveKind.Stop => StepDirective.Stop,
                    DirectiveKind.Checkpoint when _pending == StepDirective.Run => StepDirective.Checkpoint,
                    _ => _pending,
                };
            }
        }

        return news;
    }

    public StepDirective Take()
    {
        lock (_lock)
        {
            var directive = _pending;
            _pending = StepDirective.Run;
            _taken = _received;
            return directive;
        }
    }
}
