using OrtZero.StepBenchmark.Internal;

return args is [RankWork.Command, ..] ? RankWork.Run(args) : CommandLine.Run(args);
