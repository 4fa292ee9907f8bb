import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Stack } from '../../ops/stack/stack.ts';

/** The servers that stack tests run on: those of `CONDUCTOR_TEST_STACK`, else this checkout's own. */
export async function servers(): Promise<Stack> {
  const path = resolve(process.env['CONDUCTOR_TEST_STACK'] ?? '.conductor/stack.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`no stack to test on: ${path} is absent; run: conductor up`, { cause });
  });
  const { stack }: { readonly stack: Stack } = JSON.parse(text);
  return stack;
}
