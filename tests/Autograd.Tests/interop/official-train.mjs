// Trains artifacts in ONNX Runtime's own training runtime, the last one there is: onnxruntime-web 1.19.2 as WebAssembly in Node.
//   node official-train.mjs JOBS.json
// JOBS.json: [{ "training", "evaluation", "optimizer", "checkpoint": paths, "steps": [{ name: { "type", "dims", "data" } }] }]
// Prints one line of JSON: for each job { "losses" } of its steps or { "error" }.
import fs from 'node:fs';

const dist = new URL('../../../node_modules/onnxruntime-web/dist/', import.meta.url);
const { default: ort } = await import(new URL('ort.training.wasm.mjs', dist).href);
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = dist.href;
ort.env.wasm.wasmBinary = fs.readFileSync(new URL('ort-training-wasm-simd-threaded.wasm', dist)).buffer;

const arrays = {
  float32: data => Float32Array.from(data),
  int32: data => Int32Array.from(data),
  int64: data => BigInt64Array.from(data.map(BigInt)),
};
const read = path => new Uint8Array(fs.readFileSync(path));

async function train(job) {
  const session = await ort.TrainingSession.create({
    checkpointState: read(job.checkpoint),
    trainModel: read(job.training),
    evalModel: read(job.evaluation),
    optimizerModel: read(job.optimizer),
  }, { executionProviders: ['wasm'] });
  const losses = [];
  for (const step of job.steps) {
    const feeds = {};
    for (const [name, { type, dims, data }] of Object.entries(step)) {
      feeds[name] = new ort.Tensor(type, arrays[type](data), dims);
    }
    const outputs = await session.runTrainStep(feeds);
    losses.push(Number(Object.values(outputs)[0].data[0]));
    await session.runOptimizerStep();
    await session.lazyResetGrad();
  }
  await session.release();
  return { losses };
}

const results = [];
for (const job of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
  results.push(await train(job).catch(error => ({ error: String(error?.message ?? error) })));
}
console.log(JSON.stringify(results));
process.exit(0);
