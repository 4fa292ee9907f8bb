import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './counters.ts';

export interface Health extends AsyncDisposable {
  readonly url: string;
}

const stuckMs = 60_000;

/**
 * Answers `/metrics` for Prometheus, and `/healthz`: 200 while every pipeline runs and moves, 503 when
 * one waits out an outage, or its oldest change has not settled for a minute, or what is settled has not
 * been recorded for a minute. Being connected is not enough.
 */
export async function serveHealth(
  metrics: Metrics,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Health> {
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      metrics.text().then(
        (text) => response.setHeader('content-type', metrics.registry.contentType).end(text),
        () => response.writeHead(500).end(),
      );
      return;
    }
    if (request.url === '/healthz') {
      const states = metrics.states();
      const healthy = states.every(
        ({ running, oldestMs, unrecordedMs }) =>
          running && oldestMs < stuckMs && unrecordedMs < stuckMs,
      );
      response
        .writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' })
        .end(`${JSON.stringify({ healthy, pipelines: states })}\n`);
      return;
    }
    response.writeHead(404).end('there are /metrics and /healthz\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${bound}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
