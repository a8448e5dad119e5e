// Calls every kind of method of the server at argv[2] and prints what came of it as one JSON object.
import { grpc, Probe, Health } from './probe.mjs';

const probe = new Probe(process.argv[2], grpc.credentials.createInsecure());
const zipped = new Probe(process.argv[2], grpc.credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
const health = new Health(process.argv[2], grpc.credentials.createInsecure());

const unary = (client, method, request, metadata = new grpc.Metadata(), options = {}) => new Promise(resolve => {
  const result = {};
  const call = client[method](request, metadata, options, (error, reply) => {
    if (error) Object.assign(result, { code: error.code, details: error.details, trailer: error.metadata.get('plain')[0] });
    else result.reply = reply;
  });
  call.on('metadata', headers => { result.header = headers.get('early')[0]; result.bytes = headers.get('early-bin')[0]?.toString('hex'); });
  call.on('status', status => {
    result.code = status.code;
    result.trailer = status.metadata.get('plain')[0];
    result.trailerBytes = status.metadata.get('bytes-bin')[0]?.toString('hex');
    setImmediate(() => resolve(result));
  });
});

const stream = (call, onData) => new Promise(resolve => {
  const result = { messages: [] };
  call.on('data', message => { result.messages.push(message.number); onData?.(call, message); });
  call.on('error', error => { result.code = error.code; result.details = error.details; });
  call.on('status', status => { result.code = status.code; result.details = status.details; setImmediate(() => resolve(result)); });
});

const metadata = new grpc.Metadata();
metadata.set('plain', 'a b');
metadata.set('bytes-bin', Buffer.from([0, 255, 7]));

const results = {};
results.echo = await unary(probe, 'Echo', { text: 'headers', count: 3 }, metadata);
results.error = await unary(probe, 'Echo', { status: 9, message: 'größer\nthan 100 %' }, metadata);
results.thrown = await unary(probe, 'Echo', { text: 'throw' });
results.deadline = await unary(probe, 'Echo', { delay_ms: -1 }, undefined, { deadline: Date.now() + 200 });
results.tooLarge = await unary(probe, 'Echo', { payload: Buffer.alloc(200_000) });
results.large = { length: (await unary(probe, 'Echo', { payload_bytes: 1_500_000 })).reply?.payload.length };
results.zipped = await unary(zipped, 'Echo', { text: 'z'.repeat(5000) });
results.zipped = { code: results.zipped.code, length: results.zipped.reply?.text.length };
results.count = await stream(probe.Count({ count: 1000, payload_bytes: 700 }));
results.count = { code: results.count.code, length: results.count.messages.length, last: results.count.messages.at(-1) };
results.countError = await stream(probe.Count({ count: 2, status: 14, message: 'gone' }));
results.cancelled = await stream(probe.Count({ count: 1, delay_ms: -1 }), call => call.cancel());

results.collect = await new Promise(resolve => {
  const call = probe.Collect((error, reply) => resolve(error ? { code: error.code } : reply));
  for (const text of ['a', 'b', 'c']) call.write({ text });
  call.end();
});
results.collectError = await new Promise(resolve => {
  const call = probe.Collect((error, reply) => resolve(error ? { code: error.code, details: error.details } : reply));
  call.on('error', () => {});
  call.write({ status: 11, message: 'enough' });
});

const chat = probe.Chat();
chat.write({ count: 0 });
results.chat = await stream(chat, (call, message) => message.number < 20 ? call.write({ count: message.number + 1 }) : call.end());

results.health = await unary(health, 'Check', { service: '' });
results.healthUnknown = await unary(health, 'Check', { service: 'x' });
results.unimplemented = await new Promise(resolve => probe.makeUnaryRequest(
  '/ortzero.probe.Probe/Nothing', value => value, value => value, Buffer.alloc(0), error => resolve({ code: error.code })));
results.noService = await new Promise(resolve => probe.makeUnaryRequest(
  '/no.Such/Thing', value => value, value => value, Buffer.alloc(0), error => resolve({ code: error.code })));

console.log(JSON.stringify(results));
for (const client of [probe, zipped, health]) client.close();
