using OrtZero.Autograd;
using OrtZero.Onnx;
using OrtZero.Sharding;

namespace OrtZero.Training;

/// <summary>What the process says to whoever started it.</summary>
public static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Failed while running.</summary>
    public const int Failed = 1;

    /// <summary>The command line, the configuration, the model or the data is wrong.</summary>
    public const int BadInput = 2;

    /// <summary>Stopped by a signal or the coordinator after saving a checkpoint: start again to go on.</summary>
    public const int Stopped = 75;

    /// <summary>The exit code of a failure.</summary>
    public static int Of(Exception exception) => exception switch
    {
        PeerFailedException peer => peer.ExitCode,
        ConfigurationException or ScheduleException or DataException or RankMismatchException => BadInput,
        CheckpointException or OnnxFormatException or ParameterGroupException or FileNotFoundException => BadInput,
        UnsupportedOperatorException or UnreachableParameterException or GradientException or ArtifactException => BadInput,
        _ => Failed,
    };
}
