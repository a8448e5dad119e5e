using OrtZero.PrepareDigits;

if (args.Length != 2)
{
    Console.Error.WriteLine("Usage: PrepareDigits FOLDER_WITH_IDX_FILES OUTPUT_FOLDER");
    return 2;
}

try
{
    Directory.CreateDirectory(args[1]);
    DigitData.Write(args[0], "train", args[1], "train", limit: int.MaxValue);
    DigitData.Write(args[0], "t10k", args[1], "test", limit: 2000);
    DigitData.WriteVocabulary(Path.Combine(args[1], "vocabulary.json"));
    return 0;
}
catch (Exception exception) when (exception is IOException or InvalidDataException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
