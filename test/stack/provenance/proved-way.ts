import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Verified } from '../../../ops/provenance/verify.ts';
import { readEntries } from '../../../pipelines/prove/tile-folder.ts';
import { parseCheckpoint } from '../../../schemas/log-checkpoint.ts';
import { signingKey } from '../../../schemas/signing-key.ts';
import { verifierText } from '../../../schemas/signed-note.ts';
import { parseStatement } from '../../../schemas/stream-manifest.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Ended } from '../way/worker.ts';

/** A way that is proved. */
export interface ProvedWay extends AsyncDisposable {
  readonly way: Way;
  readonly keys: string; // The file of the public key.
  readonly origin: string;
  /** A log of its own with the same key, or another, begun anew. */
  log(name: string, more?: Readonly<Record<string, unknown>>): Promise<ProvedLog>;
}

/** A log, and what is done with it. */
export interface ProvedLog {
  readonly configFile: string;
  readonly topic: string;
  readonly folder: string;
  /** Proves what is there now. `failpoint` is where it is struck. */
  prove(failpoint?: string): Promise<Ended>;
  verify(...args: readonly string[]): Promise<Judgement>;
  /** What its folder has, by stream: the envelopes in their order. Keys have a stream of their own. */
  entries(): ReadonlyMap<string, readonly string[]>;
}

/** What `conductor verify provenance` said, and how it ended. */
export interface Judgement extends Verified {
  readonly code: number | null;
}

export async function openProvedWay(): Promise<ProvedWay> {
  const way = await openWay();
  const seed = randomBytes(32).toString('hex');
  const keys = join(way.folder, 'log.keys');
  const origin = `log.example/${way.name}`;
  await writeFile(keys, `${verifierText({ name: origin, kind: 'log', key: signingKey(seed) })}\n`);
  return {
    way,
    keys,
    origin,
    async log(name, more = {}) {
      const topic = `provenance.${way.name}.${name}`;
      const folder = join(way.folder, name);
      const configFile = await way.variant((raw) => {
        raw['provenance'] = { signingKey: seed, origin, topic, directory: folder, ...more };
      });
      return {
        configFile,
        topic,
        folder,
        prove(failpoint) {
          const env = failpoint === undefined ? {} : { CONDUCTOR_FAILPOINT: failpoint };
          return way.start(['run', 'prove', '--until-current'], configFile, env).ended;
        },
        async verify(...args) {
          const command = ['verify', 'provenance', '--json', ...args];
          const { code, stdout, stderr } = await way.start(command, configFile).ended;
          if (stdout === '') throw new Error(`verify said nothing: ${stderr}`);
          return { ...(JSON.parse(stdout) as Verified), code };
        },
        entries() {
          const checkpoint = parseCheckpoint(readFileSync(join(folder, 'checkpoint'), 'utf8'));
          const entries = readEntries(folder, checkpoint?.size ?? 0).map(String);
          return Map.groupBy(entries, streamIn);
        },
      };
    },
    [Symbol.asyncDispose]: () => way[Symbol.asyncDispose](),
  };
}

function streamIn(entry: string): string {
  const { payload } = JSON.parse(entry) as { readonly payload: string };
  const said = parseStatement(Buffer.from(payload, 'base64'));
  return said?.kind === 'segment' ? said.manifest.stream : 'keys';
}
