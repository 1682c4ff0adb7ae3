// Makes noise in a process of its own, so that it takes no time of who measures. Arguments: the server's port, and
// a NoiseSize as JSON. A line `start NOISE TENANT PASSWORD` is answered once the noise is there, a line `stop` with
// its answers a second.
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { requestOf } from './line_connection.ts';
import { NOISY_TENANTS, NoiseClients, type Noise, type NoiseSize } from './noise.ts';

const POLL_MS = 5;

// The noise is what the server makes of it, not that its clients take the processors of whoever measures.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const [port, sizeText] = process.argv.slice(2);
const size = JSON.parse(sizeText ?? '') as NoiseSize;
let clients: NoiseClients | undefined;
let begun = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const [order, noise, tenant, password] = line.split(' ');
  if (order === 'start') {
    const auth = { request: requestOf('AUTH', tenant ?? '', password ?? ''), lines: 1 };
    const started = new NoiseClients(Number(port), auth);
    clients = started;
    begun = performance.now();
    for (const client of NOISY_TENANTS[noise as Noise].clients(size)) {
      client(started).catch((error: unknown) => {
        // Once it is stopped, its connections fail because they are closed.
        if (clients !== started) return;
        process.stderr.write(`${noise}: ${String(error)}\n`);
        process.exit(1);
      });
    }
    while (started.answers === 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    process.stdout.write('started\n');
  } else {
    const seconds = (performance.now() - begun) / 1_000;
    const answers = clients?.answers ?? 0;
    const last = clients;
    clients = undefined;
    last?.closeAll();
    process.stdout.write(`${answers / seconds}\n`);
  }
}
