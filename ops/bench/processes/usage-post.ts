import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import { usageEvent } from '../usage-events.ts';

/** Sends usage to the API host for a while, in batches, over some connections at a time; says how long each answer took. */
const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    key: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
    perSecond: { type: 'string', default: '20000' },
    batch: { type: 'string', default: '200' },
  },
});
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const batch = Number(flags.batch);
const everyMs = (batch / Number(flags.perSecond)) * 1_000;
const bodies = Array.from({ length: 200 }, (_, n) =>
  Buffer.from(
    `[${Array.from({ length: batch }, (_unused, of) => usageEvent(n * batch + of).text).join(',')}]`,
  ),
);

function post(body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${flags.url}/v1/usage`,
      {
        agent,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          authorization: `Bearer ${flags.key}`,
        },
      },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}

/** A latency is from when the batch was due. */
const latencies: number[] = [];
let accepted = 0;
const begun = performance.now();
const all: Promise<void>[] = [];
const until = Number(flags.seconds) * 1_000;
for (let n = 0; n * everyMs < until; n++) {
  const due = begun + n * everyMs;
  const wait = due - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  const body = bodies[n % bodies.length];
  if (!body) break;
  all.push(
    post(body).then((status) => {
      latencies.push(performance.now() - due);
      if (status === 202) accepted += batch;
    }),
  );
}
await Promise.all(all);
const seconds = (performance.now() - begun) / 1_000;
process.stdout.write(
  JSON.stringify({ accepted, seconds, latencies: latencies.map((ms) => Number(ms.toFixed(2))) }),
);
agent.destroy();
