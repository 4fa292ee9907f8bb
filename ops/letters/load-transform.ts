import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { madeBy, type OpenChange, type Transform } from '../../replay/transform.ts';

/** Loads the default export of a TypeScript file: `(change) => change | null`. */
export async function loadTransform(path: string): Promise<Transform> {
  const file = resolve(path);
  const wrong = (what: string, cause?: unknown) =>
    new CannotRun(
      {
        what,
        where: `--transform ${path}`,
        fix: 'export a function by default that gives the change back, mended, or null to drop it: export default (change) => ({ ...change, after: { ...change.after, city: "Bern" } })',
      },
      { cause },
    );
  const bytes = await readFile(file).catch((error: unknown) => {
    throw wrong('the file cannot be read', error);
  });
  const { default: made } = await (
    import(pathToFileURL(file).href) as Promise<{ readonly default?: unknown }>
  ).catch((error: unknown) => {
    throw wrong('the file cannot be loaded as a module', error);
  });
  if (typeof made !== 'function') throw wrong('the file has no function as its default export');
  const transform = made as (change: OpenChange) => unknown;
  return {
    digest: createHash('sha256').update(bytes).digest('hex'),
    apply(change, letter) {
      let out;
      try {
        out = madeBy(transform, change);
      } catch (error) {
        // Its message could quote a row.
        throw wrong(`it throws ${nameOf(error)} at ${lineOf(error, file)} for letter ${letter}`);
      }
      if (out && 'fault' in out) throw wrong(`what it makes of letter ${letter} ${out.fault}`);
      return out;
    },
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

/** Where in the file; the words of an error could hold a value, its place cannot. */
function lineOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = stack.indexOf(`${basename(file)}:`);
  const [, line] = at < 0 ? [] : (/:(\d+):\d+/.exec(stack.slice(at)) ?? []);
  return line === undefined ? 'no line that is known' : `line ${line}`;
}
