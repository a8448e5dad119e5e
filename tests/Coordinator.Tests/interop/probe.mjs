// Loads the services of this repository for grpc-js.
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const load = file => grpc.loadPackageDefinition(
  loader.loadSync(path.join(root, file), { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }));

export { grpc };
export const { Probe } = load('tests/Coordinator.Tests/Rpc/probe.proto').ortzero.probe;
export const { Coordinator } = load('protos/coordinator.proto').ortzero.coordinator.v1;
export const { Health } = load('protos/health.proto').grpc.health.v1;
