using Spectre.Console;

namespace OrtZero.RankWorker.Internal;

/// <summary>Tables on standard output.</summary>
internal static class Tables
{
    public static Table Create(params string[] titles)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var (i, title) in titles.Index())
        {
            table.AddColumn(new TableColumn(title) { NoWrap = i < 2 });
        }

        return table;
    }

    public static void Write(Table table)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 240;
        }

        console.Write(table);
    }
}
