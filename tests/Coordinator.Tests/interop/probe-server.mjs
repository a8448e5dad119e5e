// Serves probe.proto on a free port of 127.0.0.1, prints the port, and ends when its standard input does.
import { grpc, Probe } from './probe.mjs';

const wait = ms => ms < 0 ? new Promise(() => {}) : new Promise(resolve => setTimeout(resolve, ms));
const trailers = call => {
  const metadata = new grpc.Metadata();
  for (const key of ['plain', 'bytes-bin']) for (const value of call.metadata.get(key)) metadata.add(key, value);
  return metadata;
};
const answer = async (call, request) => {
  await wait(request.delay_ms);
  if (request.status) throw { code: request.status, details: request.message, metadata: trailers(call) };
  return { text: request.text, number: request.count, payload: Buffer.alloc(request.payload_bytes) };
};

const server = new grpc.Server({ 'grpc.max_receive_message_length': 100_000 });
server.addService(Probe.service, {
  Echo: async (call, callback) => {
    if (call.request.text === 'headers') {
      const headers = new grpc.Metadata();
      headers.set('early', 'yes');
      headers.set('early-bin', Buffer.from([1, 2, 255]));
      call.sendMetadata(headers);
    }
    try { callback(null, await answer(call, call.request), trailers(call)); } catch (error) { callback(error); }
  },
  Count: async call => {
    for (let number = 0; number < call.request.count; number++) {
      if (!call.write({ number, payload: Buffer.alloc(call.request.payload_bytes) })) {
        await new Promise(resolve => call.once('drain', resolve));
      }
    }
    try { await answer(call, call.request); call.end(trailers(call)); } catch (error) { call.emit('error', error); }
  },
  Collect: (call, callback) => {
    const reply = { number: 0, text: '' };
    call.on('data', request => {
      reply.number++;
      reply.text += request.text;
      if (request.status) callback({ code: request.status, details: request.message });
    });
    call.on('end', () => callback(null, reply));
  },
  Chat: call => {
    let last = Promise.resolve();
    call.on('data', request => { last = last.then(async () => call.write(await answer(call, request))).catch(error => call.emit('error', error)); });
    call.on('end', () => last.then(() => call.end()));
  },
});

server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
process.stdin.resume();
process.stdin.on('end', () => { server.forceShutdown(); process.exit(0); });
