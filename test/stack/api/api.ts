import { randomUUID } from 'node:crypto';
import { vi } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import type { Minted } from '../../../contracts/token-claims.ts';
import { ownSecret } from '../../../ops/tokens/own-secret.ts';
import { mint, type Signing } from '../../../ops/tokens/signing.ts';
import type { Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';

/** What the host answered. */
export interface Answered {
  readonly status: number;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly errors: readonly {
    readonly message: string;
    readonly extensions?: { readonly code?: string; readonly reason?: string };
  }[];
  readonly text: string;
}

/** A `conductor api` of a way, and how a test speaks to it. */
export interface RunningApi {
  readonly url: string;
  readonly worker: Worker;
  token(bearer?: Partial<Minted>, more?: TokenOptions): Promise<string>;
  ask(token: string | null, query: string, variables?: object, more?: Sent): Promise<Answered>;
}

export interface TokenOptions {
  readonly now?: Date;
  readonly seconds?: number;
  readonly audience?: string;
}

export interface Sent {
  readonly operationName?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts the host, with the way's configuration or another, and waits until it answers. */
export async function startApi(way: Way, configFile = way.configFile): Promise<RunningApi> {
  const worker = way.start(['api'], configFile);
  const url = await vi.waitFor(
    () => {
      const [, at] = /"api":"([^"]+)"/.exec(worker.stderr) ?? [];
      if (at === undefined) throw new Error(`it has not started: ${worker.stderr}`);
      return at;
    },
    { timeout: 30_000, interval: 50 },
  );
  return {
    url,
    worker,
    async token(bearer = {}, { now = new Date(), seconds = 900, audience } = {}) {
      const whole = {
        sub: 'ada',
        tenant: '1',
        roles: ['analyst'],
        purpose: 'operations',
        ...bearer,
      };
      return (await mint(await signingOf(way), whole, { now, seconds, audience })).token;
    },
    async ask(token, query, variables = {}, { operationName, headers = {} } = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: JSON.stringify({ query, variables, operationName }),
      });
      return answered(response);
    },
  };
}

/** What signs the tokens of a way. */
export async function signingOf({ config }: Way): Promise<Signing> {
  await using keyring = fileKeyring(config.keyring.directory, config.keyring.rootKey);
  return { tokens: config.tokens, secret: await ownSecret(keyring, 'token-signing') };
}

export async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  const { data = null, errors = [] } = JSON.parse(text) as Partial<Answered>;
  return { status: response.status, data, errors, text };
}

/** The first error of an answer, in two words. */
export const errorOf = ({ errors }: Answered): readonly (string | undefined)[] => [
  errors[0]?.extensions?.code,
  errors[0]?.extensions?.reason,
];

/** A name that nothing else has. */
export const unique = (): string => `t-${randomUUID()}`;
