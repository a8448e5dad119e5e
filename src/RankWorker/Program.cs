using OrtZero.RankWorker.Internal;

return CommandLine.Run(args);
