import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { settings } from '../../contracts/config.ts';

test('conductor.example.yaml tells of every setting there is, and of no other', async () => {
  const example: unknown = parse(await readFile('conductor.example.yaml', 'utf8'));
  const known = settings().map((keys) => keys.join('.'));
  expect(pathsOf(example).toSorted()).toEqual(known.toSorted());
});

/** A value that stands elsewhere, `{ env: NAME }`, is one setting. */
function pathsOf(value: unknown, keys: readonly string[] = []): readonly string[] {
  const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isGroup || 'env' in value || 'file' in value) return [keys.join('.')];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...keys, key]));
}
