using OrtZero.Coordinator.Internal;

return await CoordinatorCommand.RunAsync(args, Console.Out, Console.Error);
