import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Fate, FaultProxy } from './fault-proxy.ts';

/** Before a ClickHouse: decides for each insert into a history what becomes of it. */
export async function insertProxy(server: string, fateOf: () => Fate): Promise<FaultProxy> {
  const met = new Map<Fate, number>();
  const late: (() => Promise<unknown>)[] = [];
  const proxy = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const deliver = () =>
        new Promise<{ status: number; headers: object; body: Buffer }>((resolve, reject) => {
          const { method, headers } = incoming;
          const { 'transfer-encoding': _, ...kept } = headers;
          const body = Buffer.concat(chunks);
          const own = ask(
            new URL(incoming.url ?? '/', server),
            { method, headers: { ...kept, 'content-length': body.length } },
            (answer) => {
              const parts: Buffer[] = [];
              answer.on('data', (part: Buffer) => parts.push(part));
              answer.on('end', () =>
                resolve({
                  status: answer.statusCode ?? 500,
                  headers: answer.headers,
                  body: Buffer.concat(parts),
                }),
              );
              answer.on('error', reject);
            },
          );
          own.on('error', reject);
          own.end(body);
        });
      const isInsert = /conductor[+ ]writes/.test(decodeURIComponent(incoming.url ?? ''));
      const fate = isInsert ? fateOf() : 'passes';
      if (isInsert) met.set(fate, (met.get(fate) ?? 0) + 1);
      if (fate === 'arrives late') late.push(deliver);
      else if (fate !== 'never arrives') {
        if (fate === 'arrives twice') await deliver();
        const { status, headers, body } = await deliver();
        if (fate !== 'answer lost') {
          outgoing.writeHead(status, { ...headers }).end(body);
          return;
        }
      }
      outgoing.destroy();
    })().catch(() => outgoing.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    met,
    async deliverLate() {
      for (const deliver of late.splice(0)) await deliver();
    },
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
