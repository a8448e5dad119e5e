// Looks at the coordinator at argv[2] as any gRPC client would, and prints what came of it as one JSON object.
import { grpc, Coordinator, Health } from './probe.mjs';

const coordinator = new Coordinator(process.argv[2], grpc.credentials.createInsecure());
const health = new Health(process.argv[2], grpc.credentials.createInsecure());
const unary = (client, method, request) => new Promise(resolve =>
  client[method](request, (error, reply) => resolve(error ? { code: error.code, details: error.details } : reply)));

const results = {};
results.health = await unary(health, 'Check', { service: 'ortzero.coordinator.v1.Coordinator' });
results.before = await unary(coordinator, 'GetStatus', {});
results.noRun = await unary(coordinator, 'Directive', { kind: 'DIRECTIVE_KIND_STOP' });

const watch = coordinator.Watch({ history_limit: -1, min_interval_ms: 1 });
const seen = [];
let started;
const watching = new Promise(resolve => { started = resolve; });
const done = new Promise(resolve => {
  watch.on('data', status => {
    seen.push(status.state);
    started();
    if (status.state === 'RUN_STATE_COMPLETED') { results.last = status; watch.cancel(); }
  });
  watch.on('error', () => {});
  watch.on('status', status => { results.watchCode = status.code; resolve(); });
});

// The first status is of before the rank came only if the watch was there before it.
await watching;
const rank = { run_id: 'js', rank: 0, world_size: 1, host: 'here', process_id: 5, configuration_hash: 'c', model_hash: 'm' };
const { session_id } = await unary(coordinator, 'Register', rank);
await unary(coordinator, 'Directive', { kind: 'DIRECTIVE_KIND_STOP', requested_by: 'js' });
results.refused = await unary(coordinator, 'Register', { ...rank, configuration_hash: 'd' });
results.report = await unary(coordinator, 'Report', { session_id, rank: 0, metrics: [{ sequence: 1, iteration: 10, loss: 0.5 }] });
await unary(coordinator, 'Finish', { session_id, rank: 0, outcome: 'RANK_OUTCOME_COMPLETED', acknowledged_directive: 1 });
await done;
results.first = seen[0];
console.log(JSON.stringify(results));
coordinator.close();
health.close();
