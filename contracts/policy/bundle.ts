import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { CannotRun } from '../cannot-run.ts';
import { jsonOf } from '../json-text.ts';
import { type PolicyData, policyData } from './rules.ts';

/** Policies as they were compiled: their wasm, the data that they decide by, and a name that no other has. */
export interface PolicyBundle {
  readonly revision: string; // The beginning of the digest: it is in every decision.
  readonly digest: string;
  readonly sources: string; // The digest of what it was compiled from.
  readonly wasm: Buffer;
  readonly dataText: string;
  readonly data: PolicyData;
}

/** A policy that cannot be used: what is wrong with it, and how to mend it. */
export class PolicyFailure extends CannotRun {}

/** The files of a folder that holds a bundle. */
export const bundleFiles = { wasm: 'policy.wasm', data: 'data.json', head: 'bundle.json' } as const;

/** The bundle that Conductor comes with. */
export const shippedBundle = fileURLToPath(new URL('../policies/bundle', import.meta.url));

const head = z.strictObject({ revision: z.string(), digest: z.string(), sources: z.string() });
const record = z.strictObject({
  digest: z.string(),
  sources: z.string(),
  data: z.string(),
  wasm: z.base64(),
});

/** What a bundle is made of; `place` names it in errors. Refuses data that is not of its form. */
export function bundleOf(
  { wasm, dataText, sources }: Pick<PolicyBundle, 'wasm' | 'dataText' | 'sources'>,
  place: string,
): PolicyBundle {
  const raw = jsonOf(dataText);
  const result = policyData.safeParse(raw);
  if (!result.success)
    throw new PolicyFailure({
      what: `the rules of a policy are not of their form: ${faultsOf(result.error, raw)}`,
      where: place,
      fix: 'write them as contracts/policies/data.yaml does, then conductor policy build',
    });
  const digest = hash('sha256', `${hash('sha256', wasm, 'hex')}\n${dataText}`, 'hex');
  return { revision: digest.slice(0, 16), digest, sources, wasm, dataText, data: result.data };
}

/** Reads the bundle of a folder; refuses one that is not what its head says. */
export async function readBundle(folder: string): Promise<PolicyBundle> {
  try {
    const { digest, sources } = head.parse(
      JSON.parse(await readFile(join(folder, bundleFiles.head), 'utf8')),
    );
    const wasm = await readFile(join(folder, bundleFiles.wasm));
    const dataText = await readFile(join(folder, bundleFiles.data), 'utf8');
    return held(bundleOf({ wasm, dataText, sources }, folder), digest, folder);
  } catch (cause) {
    if (cause instanceof PolicyFailure) throw cause;
    throw damaged(folder, 'it has no compiled policy that can be read', cause);
  }
}

/** A bundle in one text, for a topic to carry. */
export function bundleText({ digest, sources, dataText, wasm }: PolicyBundle): string {
  const packed = gzipSync(wasm, { level: 9 }).toString('base64');
  return JSON.stringify({ digest, sources, data: dataText, wasm: packed });
}

/** The bundle of such a text. */
export function parseBundle(text: string, place: string): PolicyBundle {
  try {
    const { digest, sources, data, wasm } = record.parse(jsonOf(text));
    const unpacked = gunzipSync(Buffer.from(wasm, 'base64'), { maxOutputLength: 64 * 1024 * 1024 });
    return held(bundleOf({ wasm: unpacked, dataText: data, sources }, place), digest, place);
  } catch (cause) {
    if (cause instanceof PolicyFailure) throw cause;
    throw damaged(place, 'it is no bundle of policies', cause);
  }
}

function held(bundle: PolicyBundle, digest: string, place: string): PolicyBundle {
  if (bundle.digest === digest) return bundle;
  throw damaged(place, `its digest is ${bundle.digest}, and ${digest} was promised`);
}

const damaged = (where: string, what: string, cause?: unknown) =>
  new PolicyFailure(
    { what, where, fix: 'conductor policy build, and name the folder that it writes' },
    { cause },
  );

const named = z.record(z.string(), z.array(z.object({ name: z.string() })));

/** Names the rules and grants that are at fault, where they have names. */
function faultsOf(error: z.ZodError, raw: unknown): string {
  const lists = named.safeParse(
    typeof raw === 'object' && raw !== null
      ? Object.fromEntries(Object.entries(raw).filter(([list]) => /^(rules|grants)$/.test(list)))
      : {},
  ).data;
  return error.issues
    .map(({ path: [list, at, ...rest], message }) => {
      const name = lists?.[String(list)]?.[Number(at)]?.name;
      const place = name === undefined ? [list, at, ...rest] : [`${String(list)} ${name}`, ...rest];
      return `${place.filter((part) => part !== undefined).join('.') || 'all'}: ${message}`;
    })
    .join('; ');
}
