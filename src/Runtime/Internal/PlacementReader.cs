namespace OrtZero.Runtime.Internal;

/// <summary>Reads what a session recorded of the providers its nodes went to.</summary>
internal static unsafe class PlacementReader
{
    public static IReadOnlyList<NodePlacement> Read(OrtApi api, nint session)
    {
        api.Require(24, "Reading which provider runs which node");
        nint* parts;
        nuint partCount;
        api.Check(api.SessionGetEpGraphAssignmentInfo(session, &parts, &partCount));
        var placements = new List<NodePlacement>();
        for (nuint i = 0; i < partCount; i++)
        {
            nint provider;
            api.Check(api.EpAssignedSubgraphGetEpName(parts[i], &provider));
            nint* nodes;
            nuint count;
            api.Check(api.EpAssignedSubgraphGetNodes(parts[i], &nodes, &count));
            for (nuint n = 0; n < count; n++)
            {
                nint name, domain, type;
                api.Check(api.EpAssignedNodeGetName(nodes[n], &name));
                api.Check(api.EpAssignedNodeGetDomain(nodes[n], &domain));
                api.Check(api.EpAssignedNodeGetOperatorType(nodes[n], &type));
                placements.Add(new NodePlacement(NativeText.Read(name), NativeText.Read(type), NativeText.Read(domain), NativeText.Read(provider)));
            }
        }

        return placements;
    }
}
