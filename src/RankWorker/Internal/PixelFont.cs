using System.Collections.Frozen;

namespace OrtZero.RankWorker.Internal;

/// <summary>Letters of five by seven points, for labels of charts: a machine that trains need not have any font.</summary>
internal static class PixelFont
{
    internal const int Width = 5;
    internal const int Height = 7;
    internal const int Advance = 6;

    // A byte per row from the top, its lowest five bits the points from right to left.
    private const ulong Unknown = 0x1F11111111111F;

    private static readonly FrozenDictionary<char, ulong> s_glyphs = new Dictionary<char, ulong>
    {
        [' '] = 0,
        ['A'] = 0x0E11111F111111, ['B'] = 0x1E11111E11111E, ['C'] = 0x0E11101010110E, ['D'] = 0x1E11111111111E,
        ['E'] = 0x1F10101E10101F, ['F'] = 0x1F10101E101010, ['G'] = 0x0E11101711110F, ['H'] = 0x1111111F111111,
        ['I'] = 0x0E04040404040E, ['J'] = 0x0702020202120C, ['K'] = 0x11121418141211, ['L'] = 0x1010101010101F,
        ['M'] = 0x111B1515111111, ['N'] = 0x11191513111111, ['O'] = 0x0E11111111110E, ['P'] = 0x1E11111E101010,
        ['Q'] = 0x0E11111115120D, ['R'] = 0x1E11111E141211, ['S'] = 0x0F10100E01011E, ['T'] = 0x1F040404040404,
        ['U'] = 0x1111111111110E, ['V'] = 0x11111111110A04, ['W'] = 0x1111111515150A, ['X'] = 0x11110A040A1111,
        ['Y'] = 0x11110A04040404, ['Z'] = 0x1F01020408101F, ['a'] = 0x00000E010F110F, ['b'] = 0x1010161911111E,
        ['c'] = 0x00000E1010110E, ['d'] = 0x01010D1311110F, ['e'] = 0x00000E111F100E, ['f'] = 0x0609081C080808,
        ['g'] = 0x000F11110F010E, ['h'] = 0x10101619111111, ['i'] = 0x04000C0404040E, ['j'] = 0x0200060202120C,
        ['k'] = 0x10101214181412, ['l'] = 0x0C04040404040E, ['m'] = 0x00001A15151111, ['n'] = 0x00001619111111,
        ['o'] = 0x00000E1111110E, ['p'] = 0x00001E111E1010, ['q'] = 0x00000D130F0101, ['r'] = 0x00001619101010,
        ['s'] = 0x00000E100E011E, ['t'] = 0x08081C08080906, ['u'] = 0x0000111111130D, ['v'] = 0x00001111110A04,
        ['w'] = 0x0000111115150A, ['x'] = 0x0000110A040A11, ['y'] = 0x000011110F010E, ['z'] = 0x00001F0204081F,
        ['0'] = 0x0E11131519110E, ['1'] = 0x040C040404040E, ['2'] = 0x0E11010204081F, ['3'] = 0x1F02040201110E,
        ['4'] = 0x02060A121F0202, ['5'] = 0x1F101E0101110E, ['6'] = 0x0608101E11110E, ['7'] = 0x1F010204080808,
        ['8'] = 0x0E11110E11110E, ['9'] = 0x0E11110F01020C, ['.'] = 0x00000000000C0C, [','] = 0x000000000C0408,
        ['-'] = 0x0000001F000000, ['+'] = 0x0004041F040400, ['_'] = 0x0000000000001F, ['/'] = 0x00010204081000,
        ['#'] = 0x0A0A1F0A1F0A0A, ['('] = 0x02040808080402, [')'] = 0x08040202020408, ['='] = 0x00001F001F0000,
        [':'] = 0x000C0C000C0C00, ['*'] = 0x0004150E150400, ['['] = 0x0E08080808080E, [']'] = 0x0E02020202020E,
        ['%'] = 0x18190204081303, ['?'] = 0x0E110102040004, ['<'] = 0x02040810080402, ['>'] = 0x08040201020408,
        ['\''] = 0x04040800000000,
    }.ToFrozenDictionary();

    internal static bool IsSet(char character, int column, int row)
    {
        var glyph = s_glyphs.GetValueOrDefault(character, Unknown);
        return ((glyph >> ((Height - 1 - row) * 8)) >> (Width - 1 - column) & 1) != 0;
    }
}
