import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Before a ClickHouse: asks it as a user whose profile lets him read only, for as long as that is wanted. */
export interface ReadOnlyFront extends AsyncDisposable {
  readonly url: string;
  isReadOnly: boolean;
}

export async function readOnlyFront(server: string): Promise<ReadOnlyFront> {
  const proxy = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', server);
    if (front.isReadOnly) url.searchParams.set('readonly', '2');
    const { method, headers } = incoming;
    const own = ask(url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    own.on('error', () => outgoing.destroy());
    incoming.on('error', () => own.destroy());
    incoming.pipe(own);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const front: ReadOnlyFront = {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    isReadOnly: false,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
  return front;
}
