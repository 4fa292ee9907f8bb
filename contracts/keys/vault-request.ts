import { request as plain } from 'node:http';
import { request as overTls } from 'node:https';

/** What Vault said; `status` is 0 where nothing was. */
export interface VaultAnswer {
  readonly status: number;
  readonly errors: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
}

interface Asking {
  readonly token: string;
  readonly namespace: string | undefined;
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

const mostBytes = 16 * 1024 * 1024;

/** Posts to Vault's HTTP API; rejects if there is no answer in time. */
export function post(
  address: string,
  body: object,
  { token, namespace, ca, timeoutMs }: Asking,
): Promise<VaultAnswer> {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'x-vault-request': 'true',
    'x-vault-token': token,
    ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
  };
  return new Promise((resolve, reject) => {
    const ask = address.startsWith('https:') ? overTls : plain;
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { method: 'POST', headers, signal, ...(ca === undefined ? {} : { ca }) };
    const asking = ask(address, options, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > mostBytes) answer.destroy(new Error('it answers with more than it was asked'));
      });
      answer.on('error', reject);
      answer.on('end', () =>
        resolve(read(answer.statusCode ?? 0, Buffer.concat(chunks).toString())),
      );
    });
    asking.on('error', (error) =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error),
    );
    asking.end(text);
  });
}

/** An answer that is not Vault's own, of a proxy perhaps, is told by its status alone. */
function read(status: number, text: string): VaultAnswer {
  let said: { readonly data?: unknown; readonly errors?: unknown } | null;
  try {
    said = JSON.parse(text === '' ? '{}' : text) as typeof said;
  } catch {
    said = null;
  }
  const errors = Array.isArray(said?.errors) ? said.errors.map(String) : [];
  const data = typeof said?.data === 'object' && said.data !== null ? said.data : {};
  return { status, errors, data: data as VaultAnswer['data'] };
}
