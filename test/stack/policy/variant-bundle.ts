import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  bundleFiles,
  bundleOf,
  type PolicyBundle,
  readBundle,
  shippedBundle,
} from '../../../contracts/policy/bundle.ts';

/** The policies that Conductor comes with, under other rules: another revision, for which no compiler is needed. */
export async function bundleWith(rules: readonly object[]): Promise<PolicyBundle> {
  const { wasm, data, sources } = await readBundle(shippedBundle);
  return bundleOf({ wasm, dataText: JSON.stringify({ ...data, rules }), sources }, 'a test');
}

/** Writes a bundle as `conductor policy build` does; returns its folder. */
export async function written(folder: string, bundle: PolicyBundle): Promise<string> {
  const { revision, digest, sources, wasm, dataText } = bundle;
  const own = join(folder, `bundle-${revision}`);
  await mkdir(own);
  await writeFile(join(own, bundleFiles.wasm), wasm);
  await writeFile(join(own, bundleFiles.data), dataText);
  await writeFile(join(own, bundleFiles.head), JSON.stringify({ revision, digest, sources }));
  return own;
}
